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
// The first LATENCY - 1 cycles are a line of plain registers, so that registers may be retimed
// into the logic before the channel.
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
    localparam [COUNT-1:0] FULL = DEPTH;

    reg [COUNT-1:0] held;
    reg [COUNT-1:0] stored;
    reg [POINTER-1:0] head;
    reg [POINTER-1:0] tail;
    reg [WIDTH-1:0] store [0:DEPTH-1];

    wire take = out_valid & out_ready;
    wire put = in_valid & in_ready;
    wire head_last = ({{32-POINTER{1'b0}}, head} == DEPTH - 1);
    wire tail_last = ({{32-POINTER{1'b0}}, tail} == DEPTH - 1);
    assign in_ready = (held != FULL) | take;
    assign out_valid = (stored != {COUNT{1'b0}});
    assign out_data = store[head];

    // The line of LATENCY - 1 registers; stage 0 is the put itself.
    wire [LATENCY-1:0] line_valid;
    wire [LATENCY*WIDTH-1:0] line_data;
    assign line_valid[0] = put;
    assign line_data[WIDTH-1:0] = in_data;
    genvar i;
    generate
        for (i = 1; i < LATENCY; i = i + 1) begin : stage
            reg valid;
            reg [WIDTH-1:0] data;
            always @(posedge clk) begin
                valid <= ~rst & line_valid[i-1];
                data <= line_data[(i-1)*WIDTH +: WIDTH];
            end
            assign line_valid[i] = valid;
            assign line_data[i*WIDTH +: WIDTH] = data;
        end
    endgenerate
    wire arrive = line_valid[LATENCY-1];

    always @(posedge clk) begin
        if (arrive) store[tail] <= line_data[(LATENCY-1)*WIDTH +: WIDTH];
        if (rst) begin
            held <= {COUNT{1'b0}};
            stored <= {COUNT{1'b0}};
            head <= {POINTER{1'b0}};
            tail <= {POINTER{1'b0}};
        end else begin
            if (put & ~take) held <= held + 1'b1;
            if (~put & take) held <= held - 1'b1;
            if (arrive & ~take) stored <= stored + 1'b1;
            if (~arrive & take) stored <= stored - 1'b1;
            if (arrive) tail <= tail_last ? {POINTER{1'b0}} : tail + 1'b1;
            if (take) head <= head_last ? {POINTER{1'b0}} : head + 1'b1;
        end
    end
endmodule
