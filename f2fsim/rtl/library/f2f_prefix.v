// f2f_prefix: sums of the first 1, 2 .. N numbers, modulo 2^W, as a tree (Sklansky).
//
// Parameters
//   N      numbers, at most 32
//   W      bits of a number and of a sum
module f2f_prefix #(
    parameter N = 2,
    parameter W = 8
) (
    input  wire [N*W-1:0] numbers,
    output wire [N*W-1:0] sums
);
    localparam STEPS = (N > 16) ? 5 : (N > 8) ? 4 : (N > 4) ? 3 : (N > 2) ? 2 : (N > 1) ? 1 : 0;
    wire [(STEPS+1)*N*W-1:0] upto;  // of the 1, 2, 4 .. numbers of a block up to each
    assign upto[N*W-1:0] = numbers;
    assign sums = upto[STEPS*N*W +: N*W];
    genvar j, s;
    generate
        for (s = 0; s < STEPS; s = s + 1) begin : step
            for (j = 0; j < N; j = j + 1) begin : each
                localparam AT = s * N + j;
                localparam BEFORE = s * N + ((j >> s) << s) - 1;
                if ((j >> s) % 2 == 1) begin : joined
                    assign upto[(AT+N)*W +: W] = upto[AT*W +: W] + upto[BEFORE*W +: W];
                end else begin : alone
                    assign upto[(AT+N)*W +: W] = upto[AT*W +: W];
                end
            end
        end
    endgenerate
endmodule
