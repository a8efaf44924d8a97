// f2f_huffman_join: weights of a symbol that a memory gives and of the bits that follow it uncoded.
//
// Parameters
//   WEIGHT    bits of a weight
//   SYMBOL    bits of a symbol
//   EXPONENT  bits of a float's exponent, which the symbol is; 0: the symbol is all of the weight
//   HALF      bits of each symbol of a pair; exponents count from `base`
//   RESTS     bits that follow uncoded, sign above mantissa, at least 1
//   PAIRS     1: a symbol may be that of two weights, as `paired` says; the first one lies low
//
// The symbol comes a cycle after `rests`, as a memory gives it.
module f2f_huffman_join #(
    parameter WEIGHT = 16,
    parameter SYMBOL = 8,
    parameter EXPONENT = 8,
    parameter HALF = 4,
    parameter RESTS = 16,
    parameter PAIRS = 1
) (
    input  wire                        clk,
    input  wire                        paired,
    input  wire [SYMBOL-1:0]           base,
    input  wire [SYMBOL-1:0]           symbol,
    input  wire [RESTS-1:0]            rests,
    output wire [(1+PAIRS)*WEIGHT-1:0] weights
);
    genvar k;
    generate
        if (EXPONENT == 0) begin : whole
            wire unused = &{1'b0, clk, paired, base, rests};
            assign weights = symbol;
        end else begin : float
            localparam REST = WEIGHT - EXPONENT;
            reg [RESTS-1:0] held;
            always @(posedge clk) held <= rests;
            for (k = 0; k <= PAIRS; k = k + 1) begin : weight
                wire [EXPONENT-1:0] exponent;
                wire [REST-1:0] rest = held[k*REST +: REST];
                if (PAIRS) begin : half
                    wire [SYMBOL-1:0] sum =
                        base + {{SYMBOL-HALF{1'b0}}, symbol[k*HALF +: HALF]};
                    wire unused_sum = &{1'b0, sum};
                    assign exponent = paired ? sum[EXPONENT-1:0] : symbol[EXPONENT-1:0];
                end else begin : alone
                    wire unused = &{1'b0, paired, base, symbol};
                    assign exponent = symbol[EXPONENT-1:0];
                end
                assign weights[k*WEIGHT +: WEIGHT] = {rest[REST-1], exponent, rest[REST-2:0]};
            end
        end
    endgenerate
endmodule
