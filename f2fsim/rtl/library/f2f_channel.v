// f2f_channel: a bounded channel of words, valid/ready on both sides.
//
// Parameters
//   WIDTH    bits of a word
//   DEPTH    words between put and take, those under way included (>= 1)
//   LATENCY  cycles from the put to the first cycle in which the word can be taken (>= 1)
//   POINTER  bits of a pointer into the store: ceil(log2(DEPTH)), at least 1
//   COUNT    bits of a count 0 .. DEPTH: ceil(log2(DEPTH + 1))
//
// A place is held from the put to the take and can be put into again in the cycle of the take.
// The first LATENCY - 1 cycles are a line of plain registers.
module f2f_channel #(
    parameter WIDTH = 8,
    parameter DEPTH = 2,
    parameter LATENCY = 1,
    parameter POINTER = 1,
    parameter COUNT = 2
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             in_valid,
    output wire             in_ready,
    input  wire [WIDTH-1:0] in_data,
    output wire             out_valid,
    input  wire             out_ready,
    output wire [WIDTH-1:0] out_data
);
    wire [LATENCY*WIDTH-1:0] line;
    assign line[WIDTH-1:0] = in_data;
    genvar i;
    generate
        for (i = 1; i < LATENCY; i = i + 1) begin : stage
            reg [WIDTH-1:0] data;
            always @(posedge clk) data <= line[(i-1)*WIDTH +: WIDTH];
            assign line[i*WIDTH +: WIDTH] = data;
        end
    endgenerate
    wire [LATENCY-1:0] under_way;
    wire unused = &{1'b0, under_way};
    f2f_pipe #(
        .WIDTH(WIDTH), .DEPTH(DEPTH), .LATENCY(LATENCY), .POINTER(POINTER), .COUNT(COUNT)
    ) pipe (
        .clk(clk), .rst(rst), .in_valid(in_valid), .in_ready(in_ready),
        .late_data(line[(LATENCY-1)*WIDTH +: WIDTH]), .under_way(under_way),
        .out_valid(out_valid), .out_ready(out_ready), .out_data(out_data)
    );
endmodule
