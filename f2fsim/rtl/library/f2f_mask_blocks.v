// f2f_mask_blocks: words of the block mask code to mask bits, RATE words a cycle.
//
// Parameters
//   RATE    words a cycle
//   WORD    bits of a word
//   BLOCK   mask bits of a word, and raw bits that follow the escape word
//   COUNT   bits of the bit buffer's counts
//   TAKEN   bits of a number of bits 0 .. RATE * (WORD + BLOCK)
//   MADE    bits of a number of mask bits 0 .. RATE * BLOCK
//
// f2f_unrank (generated) makes the bits of a word. A cycle waits until RATE words with their raw
// bits are visible, or once the stream has ended takes those that are left.
module f2f_mask_blocks #(
    parameter RATE = 1,
    parameter WORD = 10,
    parameter BLOCK = 16,
    parameter COUNT = 6,
    parameter TAKEN = 5,
    parameter MADE = 5
) (
    input  wire                           clk,
    input  wire                           rst,
    input  wire                           inverted,
    input  wire                           ended,
    input  wire [COUNT-1:0]               visible,
    input  wire [RATE*(WORD+BLOCK)-1:0]   window,
    output wire [COUNT-1:0]               take,
    output wire                           out_valid,
    input  wire                           out_ready,
    output wire [MADE-1:0]                out_count,
    output wire [RATE*BLOCK-1:0]          out_data
);
    localparam ALL = RATE * (WORD + BLOCK);
    reg full;
    reg [MADE-1:0] count;
    reg [RATE*BLOCK-1:0] data;
    wire [RATE-1:0] whole;
    wire [RATE*BLOCK-1:0] made;
    genvar j;
    generate
        for (j = 0; j <= RATE; j = j + 1) begin : at
            wire [ALL-1:0] rest;
            wire [TAKEN-1:0] passed, taken;
            wire [MADE-1:0] ready;
        end
        assign at[0].rest = window;
        assign at[0].passed = {TAKEN{1'b0}};
        assign at[0].taken = {TAKEN{1'b0}};
        assign at[0].ready = {MADE{1'b0}};
        for (j = 0; j < RATE; j = j + 1) begin : lane
            localparam [TAKEN-1:0] SHORT = WORD;
            localparam [TAKEN-1:0] LONG = WORD + BLOCK;
            localparam [MADE-1:0] BITS = BLOCK;
            wire escape;
            wire [BLOCK-1:0] of_word;
            wire [BLOCK-1:0] raw = at[j].rest[WORD +: BLOCK];
            f2f_unrank unrank (.word(at[j].rest[WORD-1:0]), .escape(escape), .bits(of_word));
            assign made[j*BLOCK +: BLOCK] = (escape ? raw : of_word) ^ {BLOCK{inverted}};
            assign at[j+1].passed = at[j].passed + (escape ? LONG : SHORT);
            assign at[j+1].rest = escape ? at[j].rest >> (WORD + BLOCK) : at[j].rest >> WORD;
            assign whole[j] = ({{32-COUNT{1'b0}}, visible} >= {{32-TAKEN{1'b0}}, at[j+1].passed});
            assign at[j+1].taken = whole[j] ? at[j+1].passed : at[j].taken;
            assign at[j+1].ready = at[j].ready + (whole[j] ? BITS : {MADE{1'b0}});
        end
    endgenerate
    wire unused = &{1'b0, at[RATE].rest};
    wire work = ~full | out_ready;
    wire fire = work & (whole[RATE-1] | (ended & whole[0]));
    wire [31:0] wanted = {{32-TAKEN{1'b0}}, at[RATE].taken};
    wire unused_wanted = &{1'b0, wanted};
    assign take = fire ? wanted[COUNT-1:0] : {COUNT{1'b0}};
    assign out_valid = full;
    assign out_count = count;
    assign out_data = data;
    always @(posedge clk) begin
        if (fire) data <= made;
        if (fire) count <= at[RATE].ready;
        if (rst) full <= 1'b0;
        else if (work) full <= fire;
    end
endmodule
