// f2f_entries: model of a PE's sparse-matrix memory for simulation; a memory macro takes its place.
//
// Parameters
//   FILE            hex file of the entries
//   ADDRESS, WIDTH  bits of an address and of an entry
module f2f_entries #(
    parameter FILE = "entries.hex",
    parameter ADDRESS = 10,
    parameter WIDTH = 12
) (
    input  wire [ADDRESS-1:0] address,
    output wire [WIDTH-1:0]   entry
);
    reg [WIDTH-1:0] store [0:(1<<ADDRESS)-1];
    initial $readmemh(FILE, store);
    assign entry = store[address];
endmodule
