// f2f_any: N words laid over each other, as a tree.
//
// Parameters
//   N      words
//   WIDTH  bits of a word
module f2f_any #(
    parameter N = 4,
    parameter WIDTH = 8
) (
    input  wire [N*WIDTH-1:0] words,
    output wire [WIDTH-1:0]   any
);
    genvar i, k;
    generate
        for (i = 0; i < WIDTH; i = i + 1) begin : of_bit
            wire [N-1:0] column;
            for (k = 0; k < N; k = k + 1) begin : of_word
                assign column[k] = words[k*WIDTH+i];
            end
            assign any[i] = |column;
        end
    endgenerate
endmodule
