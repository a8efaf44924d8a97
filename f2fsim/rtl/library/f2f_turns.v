// f2f_turns: words that lie in turn in N queues, brought into order.
//
// Parameters
//   LOG_N  log2 of the number of queues
//   WIDTH  bits of a word
//   COUNT  bits of counts, at least LOG_N + 1
//
// Word i of all is the next one of queue i mod N. `take` of the words in `window` are taken when
// `fire` is high; `visible` is N if all of them are there, else 0. A queue finds its turn by its
// distance from the one that is next, beside the rotation of the words.
module f2f_turns #(
    parameter LOG_N = 2,
    parameter WIDTH = 8,
    parameter COUNT = 3
) (
    input  wire                      clk,
    input  wire                      rst,
    input  wire [(1<<LOG_N)-1:0]     in_valid,
    output wire [(1<<LOG_N)-1:0]     in_ready,
    input  wire [(WIDTH<<LOG_N)-1:0] in_data,
    output wire [COUNT-1:0]          visible,
    output wire [(WIDTH<<LOG_N)-1:0] window,
    input  wire [COUNT-1:0]          take,
    input  wire                      fire
);
    localparam N = 1 << LOG_N;
    localparam [COUNT-1:0] ALL = N;
    reg [LOG_N-1:0] next;
    wire [N-1:0] wanted;
    genvar k;
    generate
        for (k = 0; k < N; k = k + 1) begin : queue
            localparam [LOG_N-1:0] NUMBER = k;
            wire [LOG_N-1:0] turn = NUMBER - next;
            assign wanted[k] = ({{COUNT-LOG_N{1'b0}}, turn} < take);
        end
    endgenerate
    assign visible = (|(wanted & ~in_valid)) ? {COUNT{1'b0}} : ALL;
    assign in_ready = wanted & {N{fire}};
    f2f_rotate #(.WIDTH(WIDTH), .LOG_N(LOG_N), .UP(0)) turn_back (
        .in_data(in_data), .by(next), .out_data(window)
    );
    always @(posedge clk) begin
        if (rst) next <= {LOG_N{1'b0}};
        else if (fire) next <= next + take[LOG_N-1:0];
    end
endmodule
