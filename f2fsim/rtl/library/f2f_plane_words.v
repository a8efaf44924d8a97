// f2f_plane_words: cuts the encoded bits of a step into the words of its planes.
//
// Parameters
//   N_IN    bits of a word
//   PLANES  planes that are built; a layer of fewer has rates of 0 above its own
//   FILL    bits of a fill 0 .. N_IN
//   COUNT   bits of the counts of the bit buffer
//
// Plane p takes floor(rate (t + 1) / 64) - floor(rate t / 64) bits at step t of a pass, t from 0: an
// accumulator of 6 bits, whose carry adds one to rate / 64. The fields of a step follow each other,
// plane 0 lowest; bits of a word beyond its fill are zero.
// rates: the tables of two passes, FILL + 6 bits a plane; loaded says which of them are there. They
// are used in turn; `done` gives one back with the `last` step of its pass. What a step takes is
// made a step ahead, where each field begins too, so that the next pass follows without a gap.
// late_data: a cycle after a step is offered and then two more registers, as f2f_pipe wants it.
module f2f_plane_words #(
    parameter N_IN = 8,
    parameter PLANES = 10,
    parameter FILL = 4,
    parameter COUNT = 9
) (
    input  wire                           clk,
    input  wire                           rst,
    input  wire [2*PLANES*(FILL+6)-1:0]   rates,
    input  wire [1:0]                     loaded,
    input  wire                           last,
    output wire                           done,
    input  wire [COUNT-1:0]               visible,
    input  wire [PLANES*N_IN-1:0]         window,
    output wire [COUNT-1:0]               take,
    output wire                           fire,
    output wire                           out_valid,
    input  wire                           out_ready,
    output wire [PLANES*N_IN-1:0]         late_data
);
    localparam RATE = FILL + 6;
    localparam SPAN = PLANES * N_IN;
    function integer bits_of;
        input integer largest;
        begin
            bits_of = 1;
            while ((largest >> bits_of) != 0) bits_of = bits_of + 1;
        end
    endfunction
    localparam START = bits_of(SPAN);

    // The pass in work: which table, and whether its next step is prepared.
    reg half, going, full;
    wire work = ~full | out_ready;
    assign done = fire & last;
    wire other = loaded[!half];
    wire begins = ~going | last;
    wire next = (going & last) ? ~half : half;
    wire ahead = going ? fire & (~last | other) : loaded[half];
    always @(posedge clk) begin
        if (rst) begin
            half <= 1'b0;
            going <= 1'b0;
            full <= 1'b0;
        end else begin
            if (done) half <= ~half;
            going <= done ? other : going | loaded[half];
            if (work) full <= fire;
        end
    end

    wire [PLANES*START-1:0] fills, ends;  // of the step that is prepared
    wire [PLANES*FILL-1:0] filled;
    wire [PLANES*N_IN-1:0] words;
    f2f_prefix #(.N(PLANES), .W(START)) add_up (.numbers(fills), .sums(ends));
    reg [SPAN-1:0] bits, words_2, words_3, words_4;
    genvar p, s;
    generate
        for (p = 0; p < PLANES; p = p + 1) begin : plane
            wire [RATE-1:0] rate = rates[(next ? PLANES*RATE : 0) + p*RATE +: RATE];
            reg [5:0] phase;             // of the step after the next one
            reg [FILL-1:0] fill, fill_0;  // of the next one, of that in work
            wire [5:0] from = begins ? rate[5:0] : phase;
            wire [6:0] on = {1'b0, from} + {1'b0, rate[5:0]};
            wire [FILL-1:0] now = begins ? rate[RATE-1:6] : fill;
            assign fills[p*START +: START] = {{START-FILL{1'b0}}, now};
            assign filled[p*FILL +: FILL] = fill_0;
            always @(posedge clk) if (ahead) begin
                phase <= on[5:0];
                fill <= rate[RATE-1:6] + {{FILL-1{1'b0}}, on[6]};
                fill_0 <= now;
            end
            localparam WIDE = bits_of((p + 1) * N_IN);
            reg [WIDE-1:0] upto;  // where the next plane's field begins
            wire unused = &{1'b0, ends[p*START +: START]};
            always @(posedge clk) if (ahead) upto <= ends[p*START +: WIDE];
            // Registers behind the step: its bits, fills and places; then words.
            reg [FILL-1:0] fill_1;
            always @(posedge clk) if (work) fill_1 <= filled[p*FILL +: FILL];
            wire [N_IN-1:0] enough = ~({N_IN{1'b1}} << fill_1);
            if (p == 0) begin : lowest
                assign words[N_IN-1:0] = bits[N_IN-1:0] & enough;
            end else begin : above
                localparam FROM = bits_of(p * N_IN);
                reg [FROM-1:0] from_1;
                always @(posedge clk) if (work) from_1 <= plane[p-1].upto;
                // The farthest places first: ever fewer bits are in question.
                for (s = FROM - 1; s >= 0; s = s - 1) begin : far
                    wire [N_IN+(2<<s)-1:0] given;
                    wire [N_IN+(1<<s)-1:0] moved =
                        from_1[s] ? given[N_IN+(2<<s)-1:(1<<s)] : given[N_IN+(1<<s)-1:0];
                    if (s == FROM - 1) begin : whole
                        assign given = {{(1<<FROM)-p*N_IN{1'b0}}, bits[(p+1)*N_IN-1:0]};
                    end else begin : part
                        assign given = far[s+1].moved;
                    end
                end
                wire unused_moved = far[0].moved[N_IN];
                assign words[p*N_IN +: N_IN] = far[0].moved[N_IN-1:0] & enough;
            end
        end
    endgenerate
    assign take = {{COUNT-START{1'b0}}, plane[PLANES-1].upto};
    assign fire = going & work & (visible >= take);
    assign out_valid = full;
    assign late_data = words_4;
    always @(posedge clk) begin
        if (work) bits <= window;
        words_2 <= words;
        words_3 <= words_2;
        words_4 <= words_3;
    end
endmodule
