// f2f_compactor: kept weights of decoded blocks to lanes that skip the others.
//
// Parameters
//   N       weights of a step: blocks of all decoder groups
//   LANES   kept weights a cycle, a power of two from 2
//   LOG_L   log2(LANES)
//   PLACE   bits of a place: ceil(log2(N)), at least LOG_L
//   BEAT    bits of a beat's number 0 .. ceil(N / LANES) - 1
//   KEPT    bits of a step's number of kept weights 0 .. N
//   WEIGHT  bits of a weight
//
// A step with n kept weights takes max(1, ceil(n / LANES)) cycles; it stays at the head of its
// channel until its last cycle. in_kept is counted before that channel. out_data: {last cycle of
// the step, weights in use, LANES x {place, weight}}; lanes that are not in use hold anything.
module f2f_compactor #(
    parameter N = 64,
    parameter LANES = 8,
    parameter LOG_L = 3,
    parameter PLACE = 6,
    parameter BEAT = 3,
    parameter KEPT = 7,
    parameter WEIGHT = 8
) (
    input  wire                                  clk,
    input  wire                                  rst,
    input  wire                                  in_valid,
    output wire                                  in_ready,
    input  wire [KEPT-1:0]                       in_kept,
    input  wire [N-1:0]                          in_mask,
    input  wire [N*WEIGHT-1:0]                   in_weights,
    output wire                                  out_valid,
    input  wire                                  out_ready,
    output wire [LANES*(PLACE+WEIGHT)+LOG_L+1:0] out_data
);
    reg full;
    reg [BEAT-1:0] beat;
    reg [LANES*(PLACE+WEIGHT)+LOG_L+1:0] data;

    wire [31:0] before = {{32-BEAT{1'b0}}, beat} << LOG_L;
    wire [31:0] left = {{32-KEPT{1'b0}}, in_kept} - before;
    wire last = (left <= LANES);
    wire [31:0] now = last ? left : LANES;
    wire work = ~full | out_ready;
    wire fire = work & in_valid;
    assign in_ready = work & last;
    assign out_valid = full;
    assign out_data = data;

    wire [LANES*PLACE-1:0] places;
    wire [LANES*WEIGHT-1:0] weights;
    f2f_compact compact (
        .mask(in_mask), .beat(beat), .payload(in_weights), .places(places), .brought(weights)
    );
    wire unused = &{1'b0, now, left};
    wire [LANES*(PLACE+WEIGHT)-1:0] pairs;
    genvar i;
    generate
        for (i = 0; i < LANES; i = i + 1) begin : lane
            assign pairs[i*(PLACE+WEIGHT) +: PLACE+WEIGHT] =
                {places[i*PLACE +: PLACE], weights[i*WEIGHT +: WEIGHT]};
        end
    endgenerate

    always @(posedge clk) begin
        if (fire) data <= {last, now[LOG_L:0], pairs};
        if (rst) begin
            full <= 1'b0;
            beat <= {BEAT{1'b0}};
        end else begin
            if (work) full <= fire;
            if (fire) beat <= last ? {BEAT{1'b0}} : beat + 1'b1;
        end
    end
endmodule
