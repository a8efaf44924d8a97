// f2f_patch_bits: holds the bits of the patch stream and cuts them into fields, RATE a cycle.
//
// Parameters
//   RATE   fields a cycle
//   WIDE   bits of the widest field, class included
//   LONG   bits of a field's length
//   WORD   bits of a put at most; in_count says how many, those beyond are zero
//   DEPTH  bits that it holds, those of fields that have not left included
//   COUNT  bits of counts of bits
//   TAKE   bits of a count 0 .. RATE * WIDE
//   N      bits of a number of fields 0 .. RATE
//
// A field is a 2-bit class and then more bits, lengths[class] in all. A cycle waits until RATE
// fields are whole, or once the stream has ended takes those that are left; what has no bits left
// is zero. Bits are visible a cycle after their put; their places are given back in the cycle after
// their fields have left, so that a put does not wait for what is cut in its cycle.
// What follows each of the four classes is made beside the choice among them. Bits that stay move
// by one field after another, a put, which has no bits before it then, by all fields at once.
// out_data: RATE x {field without its class, class}, out_count of them in use.
module f2f_patch_bits #(
    parameter RATE = 1,
    parameter WIDE = 20,
    parameter LONG = 5,
    parameter WORD = 32,
    parameter DEPTH = 84,
    parameter COUNT = 7,
    parameter TAKE = 5,
    parameter N = 1
) (
    input  wire                   clk,
    input  wire                   rst,
    input  wire [4*LONG-1:0]      lengths,
    input  wire                   ended,
    output wire                   empty,   // no bits that have not been cut
    input  wire                   in_valid,
    output wire                   in_ready,
    input  wire [COUNT-1:0]       in_count,
    input  wire [WORD-1:0]        in_data,
    output wire                   out_valid,
    input  wire                   out_ready,
    output wire [N-1:0]           out_count,
    output wire [RATE*WIDE-1:0]   out_data
);
    localparam [COUNT-1:0] ROOM = DEPTH;
    localparam SPAN = RATE * WIDE;
    reg [DEPTH-1:0] bits;
    reg [COUNT-1:0] stored, free, given, leaving;
    reg full;
    reg [N-1:0] held;
    reg [SPAN-1:0] data;
    wire work = ~full | out_ready;

    // Room: what is free, and what left in the cycle before.
    wire [COUNT-1:0] room = free + given;
    assign in_ready = (in_count <= room);
    wire put = in_valid & in_ready;

    wire [SPAN-1:0] made;
    wire [RATE-1:0] whole;
    genvar j, c;
    generate
        for (j = 0; j <= RATE; j = j + 1) begin : at
            wire [SPAN-1:0] rest;
            wire [DEPTH-1:0] stays;
            wire [COUNT-1:0] passed;
        end
        wire unused = &{1'b0, at[RATE].rest};
        assign at[0].rest = bits[SPAN-1:0];
        assign at[0].stays = bits;
        assign at[0].passed = {COUNT{1'b0}};
        for (j = 0; j < RATE; j = j + 1) begin : lane
            wire [1:0] class = at[j].rest[1:0];
            wire [LONG-1:0] length;
            wire [4*COUNT-1:0] sums;
            wire [4*SPAN-1:0] behind;
            wire [3:0] enough;
            for (c = 0; c < 4; c = c + 1) begin : each
                assign sums[c*COUNT +: COUNT] =
                    at[j].passed + {{COUNT-LONG{1'b0}}, lengths[c*LONG +: LONG]};
                assign enough[c] = (stored >= sums[c*COUNT +: COUNT]);
                assign behind[c*SPAN +: SPAN] = at[j].rest >> lengths[c*LONG +: LONG];
            end
            f2f_select #(.SPAN(4), .WIDTH(LONG), .SEL(2)) of_length (
                .words(lengths), .sel(class), .word(length)
            );
            f2f_select #(.SPAN(4), .WIDTH(COUNT), .SEL(2)) of_sum (
                .words(sums), .sel(class), .word(at[j+1].passed)
            );
            f2f_select #(.SPAN(4), .WIDTH(1), .SEL(2)) of_whole (
                .words(enough), .sel(class), .word(whole[j])
            );
            f2f_select #(.SPAN(4), .WIDTH(SPAN), .SEL(2)) of_rest (
                .words(behind), .sel(class), .word(at[j+1].rest)
            );
            assign at[j+1].stays = at[j].stays >> length;
            assign made[j*WIDE +: WIDE] = {at[j].rest[WIDE-1:2], class};
        end
    endgenerate
    integer i;
    reg [N-1:0] n_whole;
    always @* begin
        n_whole = {N{1'b0}};
        for (i = 0; i < RATE; i = i + 1) n_whole = n_whole + {{N-1{1'b0}}, whole[i]};
    end
    // Fewer fields than RATE are the last ones: then all bits are taken, and none is put any more.
    wire all = whole[RATE-1];
    wire fire = work & (all | (ended & whole[0]));
    wire [COUNT-1:0] passed = at[RATE].passed;
    wire [COUNT-1:0] come = stored + (put ? in_count : {COUNT{1'b0}});
    wire [COUNT-1:0] come_less = come - passed;

    reg [DEPTH-1:0] placed, placed_on;
    integer s;
    always @* begin
        placed = {{DEPTH-WORD{1'b0}}, in_data};
        for (s = 0; s < COUNT; s = s + 1) if (stored[s]) placed = placed << (1 << s);
        placed_on = placed;
        for (s = 0; s < TAKE; s = s + 1) if (passed[s]) placed_on = placed_on >> (1 << s);
    end

    assign empty = (stored == {COUNT{1'b0}});
    assign out_valid = full;
    assign out_count = held;
    assign out_data = data;
    always @(posedge clk) begin
        if (work) data <= made;
        if (work) held <= n_whole;
        if (work) leaving <= all ? passed : stored;
        if (rst) begin
            full <= 1'b0;
            stored <= {COUNT{1'b0}};
            free <= ROOM;
            given <= {COUNT{1'b0}};
            bits <= {DEPTH{1'b0}};
        end else begin
            if (work) full <= fire;
            stored <= fire ? (all ? come_less : {COUNT{1'b0}}) : come;
            free <= put ? room - in_count : room;
            given <= (full & out_ready) ? leaving : {COUNT{1'b0}};
            bits <= (fire ? at[RATE].stays : bits)
                | ({DEPTH{put}} & (fire ? placed_on : placed));
        end
    end
endmodule
