// f2f_row_memory: model of a memory for simulation; a memory macro takes its place.
//
// Parameters
//   ROW, WIDTH  bits of an address and of a word
//
// A word that is read is there in the cycle after, and stands until the next one is.
module f2f_row_memory #(
    parameter ROW = 6,
    parameter WIDTH = 12
) (
    input  wire             clk,
    input  wire             write,
    input  wire [ROW-1:0]   write_row,
    input  wire [WIDTH-1:0] write_data,
    input  wire             read,
    input  wire [ROW-1:0]   read_row,
    output reg  [WIDTH-1:0] read_data
);
    reg [WIDTH-1:0] words [0:(1<<ROW)-1];
    always @(posedge clk) begin
        if (write) words[write_row] <= write_data;
        if (read) read_data <= words[read_row];
    end
endmodule
