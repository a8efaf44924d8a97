// f2f_mask_raw: mask unit of the raw code, one block of N_OUT mask bits a cycle.
//
// Parameters
//   N_OUT  mask bits of a block; bit o set: weight o is kept
module f2f_mask_raw #(
    parameter N_OUT = 80
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             in_valid,
    output wire             in_ready,
    input  wire [N_OUT-1:0] in_data,
    output wire             out_valid,
    input  wire             out_ready,
    output wire [N_OUT-1:0] out_data
);
    reg full;
    reg [N_OUT-1:0] mask;
    assign in_ready = ~full | out_ready;
    assign out_valid = full;
    assign out_data = mask;

    always @(posedge clk) begin
        if (in_valid & in_ready) mask <= in_data;
        if (rst) full <= 1'b0;
        else if (in_ready) full <= in_valid;
    end
endmodule
