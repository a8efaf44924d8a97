// f2f_mask_blocks: cuts the stream of the block mask code into words, RATE a cycle.
//
// Parameters
//   RATE    words a cycle
//   WORD    bits of a word
//   BLOCK   mask bits of a word, and raw bits that follow the escape word
//   ESCAPES whether there is an escape word: `escape_word`
//   COUNT   bits of the bit buffer's counts
//   MADE    bits of a number of mask bits 0 .. RATE * BLOCK
//
// A cycle waits until RATE words with their raw bits are visible, or once the stream has ended
// takes those that are left. `take` is right when `fire` is high. A word begins behind so many
// words and so many raw parts: all these places are looked at at once.
// out_data: RATE x {raw bits, word}; they are unranked behind (f2f_unrank, generated), out_count
// mask bits in all.
module f2f_mask_blocks #(
    parameter RATE = 1,
    parameter WORD = 10,
    parameter BLOCK = 16,
    parameter ESCAPES = 1,
    parameter COUNT = 6,
    parameter MADE = 5
) (
    input  wire                           clk,
    input  wire                           rst,
    input  wire [WORD-1:0]                escape_word,
    input  wire                           ended,
    input  wire [COUNT-1:0]               visible,
    input  wire [RATE*(WORD+BLOCK)-1:0]   window,
    output wire [COUNT-1:0]               take,
    output wire                           fire,
    output wire                           out_valid,
    input  wire                           out_ready,
    output wire [MADE-1:0]                out_count,
    output wire [RATE*(WORD+BLOCK)-1:0]   out_data
);
    localparam PART = WORD + BLOCK;
    reg full;
    reg [MADE-1:0] count;
    reg [RATE*PART-1:0] data;
    wire [RATE-1:0] whole;
    wire [RATE*PART-1:0] made;
    wire [(RATE+1)*COUNT-1:0] passed;   // bits of the words before, raw parts included
    // Row j, column k: word j, k raw parts before it; `hot` says which of them it is.
    genvar j, k;
    generate
        for (j = 0; j <= RATE; j = j + 1) begin : row
            wire [RATE:0] hot, escape;
            wire [(RATE+1)*PART-1:0] parts;
            wire [(RATE+1)*COUNT-1:0] ends;
            wire [RATE:0] enough;
            for (k = 0; k <= RATE; k = k + 1) begin : column
                localparam AT = j * WORD + k * BLOCK;
                localparam [COUNT-1:0] END = AT;
                if (k > j) begin : never
                    assign {hot[k], escape[k], enough[k]} = 3'd0;
                    assign parts[k*PART +: PART] = {PART{1'b0}};
                    assign ends[k*COUNT +: COUNT] = {COUNT{1'b0}};
                end else begin : here
                    if (j == 0) begin : first
                        assign hot[k] = 1'b1;
                    end else if (k == 0) begin : no_raw
                        assign hot[k] = row[j-1].hot[0] & ~row[j-1].escape[0];
                    end else begin : some
                        assign hot[k] = (row[j-1].hot[k] & ~row[j-1].escape[k])
                            | (row[j-1].hot[k-1] & row[j-1].escape[k-1]);
                    end
                    assign ends[k*COUNT +: COUNT] = {COUNT{hot[k]}} & END;
                    if (j > 0) begin : counted
                        assign enough[k] = hot[k] & (visible >= END);
                    end else begin : nothing
                        assign enough[k] = 1'b1;
                    end
                    if (j < RATE) begin : word
                        assign escape[k] = (ESCAPES != 0) & (window[AT +: WORD] == escape_word);
                        assign parts[k*PART +: PART] = {PART{hot[k]}} & window[AT +: PART];
                    end else begin : behind
                        assign escape[k] = 1'b0;
                        assign parts[k*PART +: PART] = {PART{1'b0}};
                    end
                end
            end
            if (j > 0) begin : done
                assign whole[j-1] = |enough;
            end
            if (j < RATE) begin : chosen
                f2f_any #(.N(RATE + 1), .WIDTH(PART)) part (
                    .words(parts), .any(made[j*PART +: PART])
                );
            end
            f2f_any #(.N(RATE + 1), .WIDTH(COUNT)) passed_bits (
                .words(ends), .any(passed[j*COUNT +: COUNT])
            );
            wire unused = &{1'b0, hot, escape, enough, parts};
        end
    endgenerate
    reg [MADE-1:0] n_made;
    integer i;
    always @* begin
        n_made = {MADE{1'b0}};
        for (i = 0; i < RATE; i = i + 1) if (whole[i]) n_made = n_made + BLOCK[MADE-1:0];
    end
    wire all = whole[RATE-1];
    wire work = ~full | out_ready;
    wire unused = &{1'b0, passed};
    assign fire = work & (all | (ended & whole[0]));
    assign take = all ? passed[RATE*COUNT +: COUNT] : visible;
    assign out_valid = full;
    assign out_count = count;
    assign out_data = data;
    always @(posedge clk) begin
        if (work) data <= made;
        if (work) count <= n_made;
        if (rst) full <= 1'b0;
        else if (work) full <= fire;
    end
endmodule
