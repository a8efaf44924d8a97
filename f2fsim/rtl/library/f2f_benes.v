// f2f_benes: N words turned, then permuted by a Benes network.
//
// Parameters
//   LOG_N   log2 of the number of words
//   WIDTH   bits of a word
//   PER     rows of multiplexers between two registers, at least LOG_N: those of the rotation
//   STAGES  registers from the input to the output: ceil((3 * LOG_N - 1) / PER) - 1
//
// Word k goes to place k - by; then row r of 2 LOG_N - 1 exchanges words whose places differ in one
// bit, the highest first, down to the lowest and up again: crossed[r * N / 2 + p], p the place
// without that bit. What is crossed stays as it is for a layer.
module f2f_benes #(
    parameter LOG_N = 2,
    parameter WIDTH = 8,
    parameter PER = 4,
    parameter STAGES = 1
) (
    input  wire                                clk,
    input  wire [(WIDTH<<LOG_N)-1:0]           in_data,
    input  wire [LOG_N-1:0]                    by,
    input  wire [((2*LOG_N-1)<<(LOG_N-1))-1:0] crossed,
    output wire [(WIDTH<<LOG_N)-1:0]           out_data
);
    localparam N = 1 << LOG_N;
    localparam ROWS = 2 * LOG_N - 1;
    wire [N*WIDTH-1:0] turned;
    f2f_rotate #(.WIDTH(WIDTH), .LOG_N(LOG_N), .UP(0)) turn (
        .in_data(in_data), .by(by), .out_data(turned)
    );
    wire [N*WIDTH-1:0] made [0:ROWS];
    wire [N*WIDTH-1:0] at [0:ROWS];
    assign made[0] = turned;
    assign out_data = at[ROWS];
    genvar r, i;
    generate
        for (r = 0; r <= ROWS; r = r + 1) begin : row
            // Rows of the rotation come before.
            if (((LOG_N + r) % PER == 0) && ((LOG_N + r) / PER <= STAGES)) begin : cut
                reg [N*WIDTH-1:0] held;
                always @(posedge clk) held <= made[r];
                assign at[r] = held;
            end else begin : through
                assign at[r] = made[r];
            end
            if (r < ROWS) begin : exchange
                localparam BIT = (r < LOG_N) ? LOG_N - 1 - r : r - LOG_N + 1;
                for (i = 0; i < N; i = i + 1) begin : place
                    localparam LOW = i & ((1 << BIT) - 1);
                    localparam P = r * (N / 2) + (((i >> BIT) >> 1) << BIT) + LOW;
                    localparam J = i ^ (1 << BIT);
                    assign made[r+1][i*WIDTH +: WIDTH] =
                        crossed[P] ? at[r][J*WIDTH +: WIDTH] : at[r][i*WIDTH +: WIDTH];
                end
            end
        end
    endgenerate
    wire unused = &{1'b0, clk};
endmodule
