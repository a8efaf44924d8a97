// f2f_huffman_decoder: one decoder of a canonical Huffman code, a codeword a cycle.
//
// Parameters
//   LENGTH  bits of the longest codeword
//   SYMBOL  bits of a symbol, of its place in the memory of symbols
//   REST    bits that follow a codeword uncoded; `paired` codewords of floats have them twice
//   RESTS   bits of all of them, at least 1
//   PAIRS   1: a codeword may be that of two weights, as `paired` says
//   WORD    bits of a put at most; in_count says how many, those beyond are zero
//   DEPTH   bits that it holds, those of codewords that have not left included
//   COUNT   bits of a count 0 .. DEPTH
//   LIMITS  LENGTH * (LENGTH + 3) / 2
//
// Codewords of each length are numbers that follow each other, and those of a greater length come
// behind: the next bits, first bit highest, are compared with the limit of each length, l + 1 bits
// each, the shortest length lowest. The symbol lies at that number plus the offset of its length.
// Bits are visible a cycle after their put; their places are given back in the cycle after their
// codeword has left. What stays is made for each length beside the choice among them.
module f2f_huffman_decoder #(
    parameter LENGTH = 12,
    parameter SYMBOL = 8,
    parameter REST = 0,
    parameter RESTS = 1,
    parameter PAIRS = 0,
    parameter WORD = 32,
    parameter DEPTH = 76,
    parameter COUNT = 7,
    parameter LIMITS = 90
) (
    input  wire                     clk,
    input  wire                     rst,
    input  wire                     paired,
    input  wire [LIMITS-1:0]        limits,
    input  wire [LENGTH*SYMBOL-1:0] offsets,
    input  wire                     in_valid,
    output wire                     in_ready,
    input  wire [COUNT-1:0]         in_count,
    input  wire [WORD-1:0]          in_data,
    output wire                     out_valid,
    input  wire                     out_ready,
    output reg  [SYMBOL-1:0]        place,
    output wire [RESTS-1:0]         rests
);
    localparam [COUNT-1:0] ROOM = DEPTH;
    localparam [COUNT-1:0] ONCE = REST;
    localparam [COUNT-1:0] TWICE = PAIRS ? 2 * REST : REST;
    reg [DEPTH-1:0] bits;
    reg [COUNT-1:0] stored, free, given, leaving;
    reg full;
    wire work = ~full | out_ready;

    // Room: what is free, and what left in the cycle before.
    wire [COUNT-1:0] room = free + given;
    assign in_ready = (in_count <= room);
    wire put = in_valid & in_ready;
    reg [DEPTH-1:0] placed;
    integer s;
    always @* begin
        placed = {{DEPTH-WORD{1'b0}}, in_data};
        for (s = 0; s < COUNT; s = s + 1) if (stored[s]) placed = placed << (1 << s);
    end
    wire [DEPTH-1:0] come = bits | ({DEPTH{put}} & placed);

    // The next bits, first one highest, and the length of the codeword that they begin with.
    wire [LENGTH-1:0] next;
    wire [LENGTH:0] reached;
    wire [LENGTH-1:0] hot, enough;
    wire [COUNT-1:0] uncoded = paired ? TWICE : ONCE;
    assign reached[0] = 1'b0;
    genvar l;
    generate
        for (l = 1; l <= LENGTH; l = l + 1) begin : of
            localparam START = (l - 1) * (l + 2) / 2;
            localparam [COUNT-1:0] BITS = l;
            wire [l-1:0] head = next[LENGTH-1 -: l];
            assign next[LENGTH-l] = bits[l-1];
            assign reached[l] = ({1'b0, head} < limits[START +: l+1]);
            assign hot[l-1] = reached[l] & ~reached[l-1];
            assign enough[l-1] = hot[l-1] & (stored >= BITS + uncoded);
        end
    endgenerate
    // Words of all lengths laid over each other.
    localparam WIDE = LENGTH + SYMBOL;
    wire [WIDE-1:0] wide = {{SYMBOL{1'b0}}, next};
    reg [WIDE-1:0] number;
    reg [SYMBOL-1:0] offset;
    reg [DEPTH-1:0] after;
    reg [COUNT-1:0] length;
    integer i;
    always @* begin
        number = {WIDE{1'b0}};
        offset = {SYMBOL{1'b0}};
        after = {DEPTH{1'b0}};
        length = {COUNT{1'b0}};
        for (i = 1; i <= LENGTH; i = i + 1) begin
            number = number | ({WIDE{hot[i-1]}} & (wide >> (LENGTH - i)));
            offset = offset | ({SYMBOL{hot[i-1]}} & offsets[(i-1)*SYMBOL +: SYMBOL]);
            after = after | ({DEPTH{hot[i-1]}} & (come >> i));
            length = length | ({COUNT{hot[i-1]}} & i[COUNT-1:0]);
        end
    end
    wire unused = &{1'b0, number[WIDE-1:SYMBOL]};
    wire [COUNT-1:0] take = length + uncoded;
    wire [DEPTH-1:0] left = paired ? after >> TWICE : after >> ONCE;
    wire fire = work & (|enough);
    wire [COUNT-1:0] total = stored + (put ? in_count : {COUNT{1'b0}});
    wire [COUNT-1:0] total_less = total - take;

    generate
        if (REST > 0) begin : uncoded_bits
            reg [RESTS-1:0] held;
            always @(posedge clk) if (work) held <= after[RESTS-1:0];
            assign rests = held;
        end else begin : no_bits
            assign rests = {RESTS{1'b0}};
        end
    endgenerate
    assign out_valid = full;
    always @(posedge clk) begin
        if (work) place <= number[SYMBOL-1:0] + offset;
        if (work) leaving <= take;
        if (rst) begin
            full <= 1'b0;
            stored <= {COUNT{1'b0}};
            free <= ROOM;
            given <= {COUNT{1'b0}};
            bits <= {DEPTH{1'b0}};
        end else begin
            if (work) full <= fire;
            stored <= fire ? total_less : total;
            free <= put ? room - in_count : room;
            given <= (full & out_ready) ? leaving : {COUNT{1'b0}};
            bits <= fire ? left : come;
        end
    end
endmodule
