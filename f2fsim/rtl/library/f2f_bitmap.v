// f2f_bitmap: the bitmap front end behind its mask unit: counts each mask, deals packed values.
//
// Parameters
//   N, LANES, LOG_L, RANK, BEAT, KEPT, WEIGHT   as in f2f_aligner
//   MASK_FIFO   masks between mask unit and aligner
//   VALUE_FIFO  values that wait at the aligner, at least 2 * LANES - 1
//   COUNT       bits of their counts: ceil(log2(VALUE_FIFO + LANES + 1))
//   OUT_FIFO    results between aligner and array, those in the pipeline included
//   DEPTH       latency of that channel: its registers are for retiming into the aligner
//   ..._POINTER, ..._HELD   bits of the channels' pointers and counts
//
// A mask has its values counted on its way into the channel, which frees the handshake of the
// aligner from that sum. in_weight_n says how many values (from the lowest lane) a put carries.
module f2f_bitmap #(
    parameter N = 64,
    parameter LANES = 8,
    parameter LOG_L = 3,
    parameter RANK = 6,
    parameter BEAT = 3,
    parameter KEPT = 7,
    parameter WEIGHT = 8,
    parameter MASK_FIFO = 8,
    parameter MASK_POINTER = 3,
    parameter MASK_HELD = 4,
    parameter VALUE_FIFO = 15,
    parameter COUNT = 5,
    parameter OUT_FIFO = 9,
    parameter OUT_POINTER = 4,
    parameter OUT_HELD = 4,
    parameter DEPTH = 2
) (
    input  wire                                 clk,
    input  wire                                 rst,
    input  wire                                 made_valid,
    output wire                                 made_ready,
    input  wire [N-1:0]                         made,
    input  wire                                 in_weight_valid,
    output wire                                 in_weight_ready,
    input  wire [COUNT-1:0]                     in_weight_n,
    input  wire [LANES*WEIGHT-1:0]              in_weight,
    output wire                                 out_valid,
    input  wire                                 out_ready,
    output wire [LANES*(RANK+WEIGHT)+LOG_L+1:0] out
);
    wire [KEPT-1:0] n_made;
    f2f_count count (.bits(made), .total(n_made));
    wire mask_valid, mask_ready, dealt_valid, dealt_ready;
    wire [KEPT+N-1:0] mask;
    f2f_channel #(
        .WIDTH(KEPT+N), .DEPTH(MASK_FIFO), .LATENCY(1), .POINTER(MASK_POINTER), .COUNT(MASK_HELD)
    ) masks (
        .clk(clk), .rst(rst),
        .in_valid(made_valid), .in_ready(made_ready), .in_data({n_made, made}),
        .out_valid(mask_valid), .out_ready(mask_ready), .out_data(mask)
    );
    wire [COUNT-1:0] visible, take;
    wire [LANES*WEIGHT-1:0] window;
    f2f_fields #(
        .WIDTH(WEIGHT), .DEPTH(VALUE_FIFO), .WRITE(LANES), .READ(LANES), .COUNT(COUNT)
    ) values (
        .clk(clk), .rst(rst),
        .in_valid(in_weight_valid), .in_ready(in_weight_ready), .in_count(in_weight_n),
        .in_data(in_weight), .visible(visible), .window(window), .take(take)
    );
    wire [LANES*(RANK+WEIGHT)+LOG_L+1:0] dealt;
    f2f_aligner #(
        .N(N), .LANES(LANES), .LOG_L(LOG_L), .RANK(RANK), .BEAT(BEAT), .KEPT(KEPT),
        .WEIGHT(WEIGHT), .COUNT(COUNT)
    ) aligner (
        .clk(clk), .rst(rst),
        .mask_valid(mask_valid), .mask_ready(mask_ready), .mask_data(mask[N-1:0]),
        .mask_kept(mask[N +: KEPT]),
        .visible(visible), .window(window), .take(take),
        .out_valid(dealt_valid), .out_ready(dealt_ready), .out_data(dealt)
    );
    f2f_channel #(
        .WIDTH(LANES*(RANK+WEIGHT)+LOG_L+2), .DEPTH(OUT_FIFO), .LATENCY(DEPTH),
        .POINTER(OUT_POINTER), .COUNT(OUT_HELD)
    ) results (
        .clk(clk), .rst(rst),
        .in_valid(dealt_valid), .in_ready(dealt_ready), .in_data(dealt),
        .out_valid(out_valid), .out_ready(out_ready), .out_data(out)
    );
endmodule
