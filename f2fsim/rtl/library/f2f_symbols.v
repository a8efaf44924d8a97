// f2f_symbols: model of a decoder's memory of symbols for simulation; a memory macro takes its place.
//
// Parameters
//   SYMBOL  bits of an address and of a symbol
//
// A word is there in the cycle after its address.  `contents` stands for what was written.
module f2f_symbols #(
    parameter SYMBOL = 8
) (
    input  wire                         clk,
    input  wire [(SYMBOL<<SYMBOL)-1:0]  contents,
    input  wire [SYMBOL-1:0]            place,
    output reg  [SYMBOL-1:0]            symbol
);
    always @(posedge clk) symbol <= contents[place*SYMBOL +: SYMBOL];
endmodule
