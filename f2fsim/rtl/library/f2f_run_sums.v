// f2f_run_sums: code words of the zero-run code to places in the mask.
//
// Parameters
//   RUN    bits of a code word: r < 2^RUN - 1 is r pruned weights and a kept one, 2^RUN - 1 is
//          2^RUN - 1 pruned weights; pruned weights after the last kept one have no code word
//   RATE   code words of a put
//   COUNT  bits of the number of a put's words
//   W      bits of a place: places count modulo 2^W
//
// Places are running sums, as a tree over the words of a put; words behind its count are nothing.
// late_data, a cycle after the put: RATE x {no kept weight, place after the word}.
module f2f_run_sums #(
    parameter RUN = 4,
    parameter RATE = 2,
    parameter COUNT = 4,
    parameter W = 10
) (
    input  wire                  clk,
    input  wire                  rst,
    input  wire                  put,
    input  wire [COUNT-1:0]      in_count,
    input  wire [RATE*RUN-1:0]   in_data,
    output reg  [RATE*(1+W)-1:0] late_data
);
    localparam S = RUN + 5;   // bits of the sum of a put
    wire [RATE*S-1:0] passed, sums;
    reg [W-1:0] place;
    f2f_prefix #(.N(RATE), .W(S)) prefix (.numbers(passed), .sums(sums));
    genvar j;
    generate
        for (j = 0; j < RATE; j = j + 1) begin : lane
            localparam [COUNT-1:0] INDEX = j;
            wire [RUN-1:0] run = in_data[j*RUN +: RUN];
            wire escape = &run;
            wire here = (INDEX < in_count);
            // One more than the run; an escape is all ones and covers that many.
            wire [RUN:0] on = escape ? {1'b0, run} : {1'b0, run} + 1'b1;
            assign passed[j*S +: S] = here ? {{S-RUN-1{1'b0}}, on} : {S{1'b0}};
            wire [W-1:0] at = place + {{W-S{1'b0}}, sums[j*S +: S]};
            always @(posedge clk) late_data[j*(1+W) +: 1+W] <= {escape, at};
        end
    endgenerate
    always @(posedge clk) begin
        if (rst) place <= {W{1'b0}};
        else if (put) place <= place + {{W-S{1'b0}}, sums[(RATE-1)*S +: S]};
    end
endmodule
