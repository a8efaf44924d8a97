// f2f_value_decode: the value decoder of one output, codewords to patterns.
//
// Parameters
//   PLANES   bit planes, bits of a codeword at most
//   WEIGHT   bits of a pattern
//   TOP      bits of a plane's number
//   CLASSES  classes of the code; prefixes have at most 6 bits
//   SHIFT    bits of a number of left out bits
//
// starts (7 bits each; 64: not in use), bases and suffixes are the table of the code in canonical
// order; top is the highest plane in use. `centre` stands above the `shift` lowest bits, which are
// zero in all patterns. Three stages: the class by its prefix; base and suffix, added; the fold
// undone. Registers of a pruned weight hold still, its pattern is anything.
module f2f_value_decode #(
    parameter PLANES = 10,
    parameter WEIGHT = 8,
    parameter TOP = 4,
    parameter CLASSES = 16,
    parameter SHIFT = 4
) (
    input  wire                      clk,
    input  wire [7*CLASSES-1:0]      starts,
    input  wire [WEIGHT*CLASSES-1:0] bases,
    input  wire [WEIGHT*CLASSES-1:0] suffixes,
    input  wire [TOP-1:0]            top,
    input  wire                      is_signed,
    input  wire                      is_float,
    input  wire [WEIGHT-1:0]         centre,
    input  wire [SHIFT-1:0]          shift,
    input  wire [PLANES-1:0]         planes,
    input  wire                      kept,
    output wire [WEIGHT-1:0]         pattern
);
    // The highest six planes in use, zeros below plane 0.
    wire [PLANES+5:0] padded = {planes, 6'd0};
    wire [5:0] window;
    genvar i;
    generate
        for (i = 0; i < 6; i = i + 1) begin : place
            f2f_select #(.SPAN(PLANES), .WIDTH(1), .SEL(TOP)) choose (
                .words(padded[i+1 +: PLANES]), .sel(top), .word(window[i])
            );
        end
    endgenerate
    wire unused = &{1'b0, padded[0]};
    wire [CLASSES:0] reached;
    wire [CLASSES-1:0] hit;
    wire [WEIGHT*CLASSES-1:0] chosen_bases, chosen_suffixes;
    reg [CLASSES-1:0] hit_1;
    reg [WEIGHT-1:0] low_1, number_2;
    reg kept_1;
    assign reached[CLASSES] = 1'b0;
    generate
        for (i = 0; i < CLASSES; i = i + 1) begin : of_class
            assign reached[i] = ({1'b0, window} >= starts[7*i +: 7]);
            assign hit[i] = reached[i] & ~reached[i+1];
            assign chosen_bases[WEIGHT*i +: WEIGHT] = {WEIGHT{hit_1[i]}} & bases[WEIGHT*i +: WEIGHT];
            assign chosen_suffixes[WEIGHT*i +: WEIGHT] =
                {WEIGHT{hit_1[i]}} & suffixes[WEIGHT*i +: WEIGHT];
        end
    endgenerate
    wire [WEIGHT-1:0] base, suffix;
    f2f_any #(.N(CLASSES), .WIDTH(WEIGHT)) any_base (.words(chosen_bases), .any(base));
    f2f_any #(.N(CLASSES), .WIDTH(WEIGHT)) any_suffix (.words(chosen_suffixes), .any(suffix));
    wire [PLANES+WEIGHT-1:0] wide = {{WEIGHT{1'b0}}, planes};
    wire unused_wide = &{1'b0, wide};
    always @(posedge clk) begin
        if (kept) hit_1 <= hit;
        if (kept) low_1 <= wide[WEIGHT-1:0];
        kept_1 <= kept;
        if (kept_1) number_2 <= base + (low_1 & suffix);
    end
    // All above the bits that are left out, modulo 2^WEIGHT.
    wire [WEIGHT-1:0] upper = {WEIGHT{1'b1}} << shift;
    wire [WEIGHT-1:0] number = number_2 << shift;
    wire [WEIGHT-1:0] half = {1'b0, number[WEIGHT-1:1]} & upper;
    wire odd = number_2[0];
    wire [WEIGHT-1:0] folded = ~is_signed ? number : half ^ ({WEIGHT{odd}} & upper);
    wire [WEIGHT-1:0] moved = {odd, half[WEIGHT-2:0]};
    assign pattern = (is_signed & is_float) ? moved : folded + centre;
endmodule
