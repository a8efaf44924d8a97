// f2f_aligner: deals packed values to lanes with the places that a mask gives them.
//
// Parameters
//   N       mask bits of a block
//   LANES   values a cycle, a power of two from 2
//   LOG_L   log2(LANES)
//   RANK    bits of a rank or place: ceil(log2(N)), at least LOG_L
//   BEAT    bits of a beat's number 0 .. ceil(N / LANES) - 1
//   KEPT    bits of a block's number of values 0 .. N
//   WEIGHT  bits of a value
//   COUNT   bits of the field buffer's counts
//
// A block with n values takes max(1, ceil(n / LANES)) cycles; a cycle waits until the values that
// it deals are visible. A mask stays at the head of its channel until the block's last cycle.
// out_data: {last cycle of the block, values in use, LANES x {place, value}}; the lanes that are
// not in use hold anything.
module f2f_aligner #(
    parameter N = 64,
    parameter LANES = 8,
    parameter LOG_L = 3,
    parameter RANK = 6,
    parameter BEAT = 3,
    parameter KEPT = 7,
    parameter WEIGHT = 8,
    parameter COUNT = 5
) (
    input  wire                                   clk,
    input  wire                                   rst,
    input  wire                                   mask_valid,
    output wire                                   mask_ready,
    input  wire [N-1:0]                           mask_data,
    input  wire [KEPT-1:0]                        mask_kept,
    input  wire [COUNT-1:0]                       visible,
    input  wire [LANES*WEIGHT-1:0]                window,
    output wire [COUNT-1:0]                       take,
    output wire                                   out_valid,
    input  wire                                   out_ready,
    output wire [LANES*(RANK+WEIGHT)+LOG_L+1:0]   out_data
);
    reg full;
    reg [BEAT-1:0] beat;
    reg [LANES*(RANK+WEIGHT)+LOG_L+1:0] data;

    wire [31:0] before = {{32-BEAT{1'b0}}, beat} << LOG_L;
    wire [31:0] left = {{32-KEPT{1'b0}}, mask_kept} - before;
    wire last = (left <= LANES);
    wire [31:0] now = last ? left : LANES;
    wire supplied = ({{32-COUNT{1'b0}}, visible} >= now);
    wire work = ~full | out_ready;
    wire fire = work & mask_valid & supplied;
    assign mask_ready = work & supplied & last;
    assign take = fire ? now[COUNT-1:0] : {COUNT{1'b0}};
    assign out_valid = full;
    assign out_data = data;

    wire [LANES*RANK-1:0] places;
    wire [LANES-1:0] nothing;
    f2f_compact compact (
        .mask(mask_data), .beat(beat), .payload({N{1'b0}}), .places(places), .brought(nothing)
    );
    wire unused = &{1'b0, nothing, now, left};
    wire [LANES*(RANK+WEIGHT)-1:0] pairs;
    genvar i;
    generate
        for (i = 0; i < LANES; i = i + 1) begin : lane
            assign pairs[i*(RANK+WEIGHT) +: RANK+WEIGHT] =
                {places[i*RANK +: RANK], window[i*WEIGHT +: WEIGHT]};
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
