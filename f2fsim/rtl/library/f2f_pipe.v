// f2f_pipe: a bounded channel whose words are made on their way, valid/ready on both sides.
//
// Parameters
//   WIDTH, DEPTH, LATENCY, POINTER, COUNT  as in f2f_channel
//
// `late_data` is the word that was put LATENCY - 1 cycles before: logic and registers between the
// put and here belong to whoever puts. They need no enable: a place is held from the put on.
// under_way[i]: there is a word that was put i cycles before.
module f2f_pipe #(
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
    input  wire [WIDTH-1:0] late_data,
    output wire [LATENCY-1:0] under_way,
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

    assign under_way[0] = put;
    genvar i;
    generate
        for (i = 1; i < LATENCY; i = i + 1) begin : stage
            reg valid;
            always @(posedge clk) valid <= ~rst & under_way[i-1];
            assign under_way[i] = valid;
        end
    endgenerate
    wire arrive = under_way[LATENCY-1];

    always @(posedge clk) begin
        if (arrive) store[tail] <= late_data;
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
