// f2f_wide_read: puts neighbouring words into place, in two pieces where a row ends.
//
// Parameters
//   LOG_N  log2 of the number of lanes, as many as words of a piece
//   WIDTH  bits of a word: all activation columns of an address
//
// Word b of a piece comes from bank b mod N. Lanes below `split` take the first piece from bank
// `from` on, the others the second piece from bank `again` on: two rotators, a choice a lane.
module f2f_wide_read #(
    parameter LOG_N = 2,
    parameter WIDTH = 8
) (
    input  wire [(WIDTH<<LOG_N)-1:0] piece,
    input  wire [(WIDTH<<LOG_N)-1:0] other,
    input  wire [LOG_N-1:0]          from,
    input  wire [LOG_N-1:0]          again,
    input  wire [LOG_N:0]            split,
    output wire [(WIDTH<<LOG_N)-1:0] words
);
    localparam N = 1 << LOG_N;
    wire [(WIDTH<<LOG_N)-1:0] low, high;
    wire [LOG_N-1:0] back = again - split[LOG_N-1:0];
    f2f_rotate #(.WIDTH(WIDTH), .LOG_N(LOG_N), .UP(0)) first (
        .in_data(piece), .by(from), .out_data(low)
    );
    f2f_rotate #(.WIDTH(WIDTH), .LOG_N(LOG_N), .UP(0)) second (
        .in_data(other), .by(back), .out_data(high)
    );
    genvar k;
    generate
        for (k = 0; k < N; k = k + 1) begin : lane
            localparam [LOG_N:0] NUMBER = k;
            assign words[k*WIDTH +: WIDTH] =
                (NUMBER < split) ? low[k*WIDTH +: WIDTH] : high[k*WIDTH +: WIDTH];
        end
    endgenerate
endmodule
