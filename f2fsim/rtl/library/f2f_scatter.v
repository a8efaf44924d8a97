// f2f_scatter: lets the sums of a group to the banks of the accumulators, one a bank and cycle.
//
// Parameters
//   LOG_N    log2 of the number of sums of a group
//   LOG_B    log2 of the number of banks
//   ADDRESS  bits of a row's place in its bank
//   WIDTH    bits of a sum: all activation columns of a row
//
// A cycle serves the first sum that is left of each bank. The group stays before it until its last
// cycle; `served`, with where they go and what they are, stands in registers behind it.
module f2f_scatter #(
    parameter LOG_N = 2,
    parameter LOG_B = 3,
    parameter ADDRESS = 4,
    parameter WIDTH = 32
) (
    input  wire                        clk,
    input  wire                        rst,
    input  wire                        in_valid,
    output wire                        in_ready,
    input  wire [(1<<LOG_N)-1:0]       in_used,
    input  wire [(LOG_B<<LOG_N)-1:0]   in_banks,
    input  wire [(ADDRESS<<LOG_N)-1:0] in_places,
    input  wire [(WIDTH<<LOG_N)-1:0]   in_sums,
    output wire                        out_valid,
    input  wire                        out_ready,
    output reg  [(1<<LOG_N)-1:0]       served,
    output reg  [(LOG_B<<LOG_N)-1:0]   banks,
    output reg  [(ADDRESS<<LOG_N)-1:0] places,
    output reg  [(WIDTH<<LOG_N)-1:0]   sums
);
    localparam N = 1 << LOG_N;
    reg full;
    reg [N-1:0] done;
    wire [N-1:0] left = in_used & ~done;
    wire [N-1:0] first;
    genvar j, k;
    generate
        for (k = 0; k < N; k = k + 1) begin : sum
            wire [N-1:0] before;
            for (j = 0; j < N; j = j + 1) begin : other
                if (j < k) begin : earlier
                    assign before[j] = left[j]
                        & (in_banks[j*LOG_B +: LOG_B] == in_banks[k*LOG_B +: LOG_B]);
                end else begin : later
                    assign before[j] = 1'b0;
                end
            end
            assign first[k] = left[k] & ~(|before);
        end
    endgenerate
    wire last = ~(|(left & ~first));
    wire work = ~full | out_ready;
    assign in_ready = work & last;
    assign out_valid = full;
    always @(posedge clk) begin
        if (work) begin
            served <= first;
            banks <= in_banks;
            places <= in_places;
            sums <= in_sums;
        end
        if (rst) begin
            full <= 1'b0;
            done <= {N{1'b0}};
        end else begin
            if (work) full <= in_valid;
            if (work & in_valid) done <= last ? {N{1'b0}} : done | first;
        end
    end
endmodule
