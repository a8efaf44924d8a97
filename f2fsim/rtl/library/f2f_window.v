// f2f_window: a register window of activations, each lane selecting one of its words.
//
// Parameters
//   SPAN   words of the window
//   WIDTH  bits of a word: all activation columns of one address
//   SEL    bits of a word's number: ceil(log2(SPAN)), at least 1
//   LANES  lanes that read
//   LOAD   words loaded at once, a divisor of SPAN
//   GROUP  bits of the number of a group of LOAD words
//
// load_valid writes LOAD words at group load_at; lanes read combinationally, so that a word is
// seen in the cycle after its load.
module f2f_window #(
    parameter SPAN = 16,
    parameter WIDTH = 8,
    parameter SEL = 4,
    parameter LANES = 4,
    parameter LOAD = 4,
    parameter GROUP = 2
) (
    input  wire                   clk,
    input  wire                   load_valid,
    input  wire [GROUP-1:0]       load_at,
    input  wire [LOAD*WIDTH-1:0]  load_data,
    input  wire [LANES*SEL-1:0]   sel,
    output wire [LANES*WIDTH-1:0] words
);
    wire [SPAN*WIDTH-1:0] window;
    genvar g, l;
    generate
        for (g = 0; g < SPAN / LOAD; g = g + 1) begin : group
            localparam [GROUP-1:0] NUMBER = g;
            reg [LOAD*WIDTH-1:0] held;
            always @(posedge clk) if (load_valid & (load_at == NUMBER)) held <= load_data;
            assign window[g*LOAD*WIDTH +: LOAD*WIDTH] = held;
        end
        for (l = 0; l < LANES; l = l + 1) begin : lane
            f2f_select #(.SPAN(SPAN), .WIDTH(WIDTH), .SEL(SEL)) choose (
                .words(window), .sel(sel[l*SEL +: SEL]), .word(words[l*WIDTH +: WIDTH])
            );
        end
    endgenerate
endmodule
