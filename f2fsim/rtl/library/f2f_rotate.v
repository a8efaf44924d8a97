// f2f_rotate: 2^LOG_N words turned by a number of places, in steps of 1, 2, 4 .. places.
//
// Parameters
//   WIDTH  bits of a word
//   LOG_N  log2 of the number of words
//   UP     1: word k goes to place k + by; 0: to place k - by
module f2f_rotate #(
    parameter WIDTH = 8,
    parameter LOG_N = 2,
    parameter UP = 1
) (
    input  wire [(WIDTH<<LOG_N)-1:0] in_data,
    input  wire [LOG_N-1:0]          by,
    output wire [(WIDTH<<LOG_N)-1:0] out_data
);
    localparam TOTAL = WIDTH << LOG_N;
    wire [TOTAL-1:0] turned [0:LOG_N];
    assign turned[0] = in_data;
    genvar i;
    generate
        for (i = 0; i < LOG_N; i = i + 1) begin : step
            localparam BITS = WIDTH << i;
            if (UP) begin : up
                assign turned[i+1] = by[i]
                    ? {turned[i][TOTAL-BITS-1:0], turned[i][TOTAL-1:TOTAL-BITS]} : turned[i];
            end else begin : down
                assign turned[i+1] = by[i]
                    ? {turned[i][BITS-1:0], turned[i][TOTAL-1:BITS]} : turned[i];
            end
        end
    endgenerate
    assign out_data = turned[LOG_N];
endmodule
