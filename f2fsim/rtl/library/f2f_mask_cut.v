// f2f_mask_cut: mask bits to masks of blocks, one a cycle.
//
// Parameters
//   N_OUT  mask bits of a block at most
//   COUNT  bits of the bit buffer's counts, enough for N_OUT
//   PLACE  bits of `size`: weights of a block that the layer uses, 1 .. N_OUT
//
// A cycle waits until `size` bits are visible, or once all have come takes those that are left;
// the mask is zero from there on.
module f2f_mask_cut #(
    parameter N_OUT = 80,
    parameter COUNT = 8,
    parameter PLACE = 7
) (
    input  wire             clk,
    input  wire             rst,
    input  wire [PLACE-1:0] size,
    input  wire             ended,
    input  wire [COUNT-1:0] visible,
    input  wire [N_OUT-1:0] window,
    output wire [COUNT-1:0] take,
    output wire             fire,
    output wire             out_valid,
    input  wire             out_ready,
    output wire [N_OUT-1:0] out_data
);
    reg full;
    reg [N_OUT-1:0] mask;
    wire [COUNT-1:0] wanted = {{COUNT-PLACE{1'b0}}, size};
    wire enough = (visible >= wanted);
    wire work = ~full | out_ready;
    assign fire = work & (enough | (ended & (visible != {COUNT{1'b0}})));
    assign take = enough ? wanted : visible;
    assign out_valid = full;
    assign out_data = mask;
    always @(posedge clk) begin
        if (work) mask <= window & ~({N_OUT{1'b1}} << size);
        if (rst) full <= 1'b0;
        else if (work) full <= fire;
    end
endmodule
