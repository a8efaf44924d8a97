// f2f_scatter_bank: what a bank of the accumulators gets of the sums that are served.
//
// Parameters
//   LOG_N, LOG_B, ADDRESS, WIDTH  as in f2f_scatter
//
// At most one of the served sums is of bank `number`.
module f2f_scatter_bank #(
    parameter LOG_N = 2,
    parameter LOG_B = 3,
    parameter ADDRESS = 4,
    parameter WIDTH = 32
) (
    input  wire [LOG_B-1:0]            number,
    input  wire [(1<<LOG_N)-1:0]       served,
    input  wire [(LOG_B<<LOG_N)-1:0]   banks,
    input  wire [(ADDRESS<<LOG_N)-1:0] places,
    input  wire [(WIDTH<<LOG_N)-1:0]   sums,
    output wire                        added,
    output reg  [ADDRESS-1:0]          place,
    output reg  [WIDTH-1:0]            sum
);
    localparam N = 1 << LOG_N;
    wire [N-1:0] mine;
    genvar k;
    generate
        for (k = 0; k < N; k = k + 1) begin : of_sum
            assign mine[k] = served[k] & (banks[k*LOG_B +: LOG_B] == number);
        end
    endgenerate
    assign added = |mine;
    integer i;
    always @* begin
        place = {ADDRESS{1'b0}};
        sum = {WIDTH{1'b0}};
        for (i = 0; i < N; i = i + 1) begin
            place = place | ({ADDRESS{mine[i]}} & places[i*ADDRESS +: ADDRESS]);
            sum = sum | ({WIDTH{mine[i]}} & sums[i*WIDTH +: WIDTH]);
        end
    end
endmodule
