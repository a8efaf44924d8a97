// f2f_value_decoder: value decoders at all outputs of a group.
//
// Parameters
//   N_OUT  outputs
//   PLANES, WEIGHT, TOP, CLASSES, SHIFT  as in f2f_value_decode
//
// in_data: {mask, planes}, as the patch unit gives it. late_data, two cycles after it is offered
// (as f2f_pipe wants it): {mask, N_OUT patterns}; those of pruned weights are zero.
module f2f_value_decoder #(
    parameter N_OUT = 80,
    parameter PLANES = 10,
    parameter WEIGHT = 8,
    parameter TOP = 4,
    parameter CLASSES = 16,
    parameter SHIFT = 4
) (
    input  wire                         clk,
    input  wire                         rst,
    input  wire [7*CLASSES-1:0]         starts,
    input  wire [WEIGHT*CLASSES-1:0]    bases,
    input  wire [WEIGHT*CLASSES-1:0]    suffixes,
    input  wire [TOP-1:0]               top,
    input  wire                         is_signed,
    input  wire                         is_float,
    input  wire [WEIGHT-1:0]            centre,
    input  wire [SHIFT-1:0]             shift,
    input  wire                         in_valid,
    output wire                         in_ready,
    input  wire [(PLANES+1)*N_OUT-1:0]  in_data,
    output wire                         out_valid,
    input  wire                         out_ready,
    output wire [(WEIGHT+1)*N_OUT-1:0]  late_data
);
    reg full;
    reg [PLANES*N_OUT-1:0] planes;
    reg [N_OUT-1:0] mask, mask_1, mask_2;
    assign in_ready = ~full | out_ready;
    assign out_valid = full;
    always @(posedge clk) begin
        if (rst) full <= 1'b0;
        else if (in_ready) full <= in_valid;
        if (in_valid & in_ready) mask <= in_data[PLANES*N_OUT +: N_OUT];
        mask_1 <= mask;
        mask_2 <= mask_1;
    end
    genvar o, p;
    generate
        for (o = 0; o < N_OUT; o = o + 1) begin : out
            wire [PLANES-1:0] codeword;
            wire [WEIGHT-1:0] pattern;
            for (p = 0; p < PLANES; p = p + 1) begin : plane
                always @(posedge clk)
                    if (in_valid & in_ready & in_data[PLANES*N_OUT+o])
                        planes[p*N_OUT+o] <= in_data[p*N_OUT+o];
                assign codeword[p] = planes[p*N_OUT+o];
            end
            f2f_value_decode #(
                .PLANES(PLANES), .WEIGHT(WEIGHT), .TOP(TOP), .CLASSES(CLASSES), .SHIFT(SHIFT)
            ) decode (
                .clk(clk), .starts(starts), .bases(bases), .suffixes(suffixes), .top(top),
                .is_signed(is_signed), .is_float(is_float), .centre(centre), .shift(shift),
                .planes(codeword), .kept(mask[o]), .pattern(pattern)
            );
            assign late_data[o*WEIGHT +: WEIGHT] = pattern & {WEIGHT{mask_2[o]}};
        end
    endgenerate
    assign late_data[N_OUT*WEIGHT +: N_OUT] = mask_2;
endmodule
