// f2f_select: a multiplexer, one of SPAN words.
//
// Parameters
//   SPAN   words
//   WIDTH  bits of a word
//   SEL    bits of a word's number: ceil(log2(SPAN)), at least 1
module f2f_select #(
    parameter SPAN = 4,
    parameter WIDTH = 8,
    parameter SEL = 2
) (
    input  wire [SPAN*WIDTH-1:0] words,
    input  wire [SEL-1:0]        sel,
    output wire [WIDTH-1:0]      word
);
    localparam M = 1 << SEL;
    // Node k of a heap chooses between nodes 2 k and 2 k + 1 by the bit of its depth.
    genvar k, level;
    generate
        for (level = 0; level <= SEL; level = level + 1) begin : row
            wire [WIDTH-1:0] node [0:(M >> level)-1];
            for (k = 0; k < (M >> level); k = k + 1) begin : each
                if (level > 0) begin : choice
                    assign node[k] =
                        sel[level-1] ? row[level-1].node[2*k+1] : row[level-1].node[2*k];
                end else if (k < SPAN) begin : leaf
                    assign node[k] = words[k*WIDTH +: WIDTH];
                end else begin : padding
                    assign node[k] = {WIDTH{1'b0}};
                end
            end
        end
    endgenerate
    assign word = row[SEL].node[0];
endmodule
