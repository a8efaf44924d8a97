// f2f_huffman_half: which of the two tables a decoder uses, and which it still needs.
//
// Parameters
//   WIDTH  bits of a table: limits and offsets
//
// `put` says that the table `half` is loaded; it stands until it is taken.
module f2f_huffman_half #(
    parameter WIDTH = 186
) (
    input  wire               clk,
    input  wire               rst,
    input  wire [2*WIDTH-1:0] tables,
    input  wire               put,
    input  wire               half,
    output wire [1:0]         busy,
    output wire               out_valid,
    input  wire               out_ready,
    output wire [WIDTH-1:0]   table_out
);
    reg [1:0] loaded;
    reg using;
    assign out_valid = using ? loaded[1] : loaded[0];
    wire take = out_valid & out_ready;
    assign busy = loaded & ~{take & using, take & ~using};
    always @(posedge clk) begin
        if (rst) begin
            loaded <= 2'd0;
            using <= 1'b0;
        end else begin
            loaded <= busy | {put & half, put & ~half};
            using <= using ^ take;
        end
    end
    assign table_out = using ? tables[2*WIDTH-1:WIDTH] : tables[WIDTH-1:0];
endmodule
