// f2f_bank: model of a bank of the scratchpad for simulation; a memory macro takes its place.
//
// Parameters
//   BANKS, NUMBER  banks, and which of them this is
//   ADDRESS, ACT   bits of an address and of a word
//
// Word a of bank b is a hash of column a * BANKS + b, so that no file has to be loaded.
module f2f_bank #(
    parameter BANKS = 8,
    parameter NUMBER = 0,
    parameter ADDRESS = 5,
    parameter ACT = 8
) (
    input  wire               clk,
    input  wire               read,
    input  wire [ADDRESS-1:0] address,
    output reg  [ACT-1:0]     word
);
    wire [31:0] column = {{32-ADDRESS{1'b0}}, address} * BANKS + NUMBER;
    wire [31:0] hash = (column * 32'd40503) ^ (column >> 3);
    wire unused = &{1'b0, hash};
    always @(posedge clk) if (read) word <= hash[ACT-1:0];
endmodule
