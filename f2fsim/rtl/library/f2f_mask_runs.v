// f2f_mask_runs: mask unit of the zero-run code, up to RATE code words a cycle.
//
// Parameters
//   N_OUT  mask bits of a block
//   RUN    bits of a code word: r < 2^RUN - 1 is r pruned weights and a kept one, 2^RUN - 1 is
//          2^RUN - 1 pruned weights; pruned weights after the last kept one have no code word
//   RATE   code words a cycle
//   COUNT  bits of the field buffer's counts
//   PLACE  bits of a place 0 .. N_OUT + 2^RUN
//
// A block takes max(1, ceil(n / RATE)) cycles, n the code words that start in it. `ended` tells
// that the last code word of the stream is in the buffer. `size` is the number of weights of a
// block, 1 .. N_OUT: a layer may use fewer outputs than the decoder has.
module f2f_mask_runs #(
    parameter N_OUT = 80,
    parameter RUN = 4,
    parameter RATE = 1,
    parameter COUNT = 4,
    parameter PLACE = 8
) (
    input  wire                clk,
    input  wire                rst,
    input  wire [PLACE-1:0]    size,
    input  wire                ended,
    input  wire [COUNT-1:0]    visible,
    input  wire [RATE*RUN-1:0] window,
    output wire [COUNT-1:0]    take,
    output wire                out_valid,
    input  wire                out_ready,
    output wire [N_OUT-1:0]    out_data
);
    localparam [RUN-1:0] ESCAPE = {RUN{1'b1}};
    localparam [COUNT-1:0] LIMIT = RATE;
    localparam [N_OUT-1:0] ONE = 1;

    reg full;                // mask holds a whole block
    reg fresh;               // the next code word starts a block
    reg [N_OUT-1:0] mask;
    reg [PLACE-1:0] place;   // where the next code word starts, relative to the block
    reg carry;               // the weight right before `place` is kept and not yet set

    wire work = ~full | out_ready;
    // All lanes one after another: place, mask and carry before and after each.
    wire [(RATE+1)*PLACE-1:0] places;
    wire [(RATE+1)*N_OUT-1:0] masks;
    wire [RATE:0] carries;
    wire [RATE-1:0] used;
    wire inherit = fresh & carry & (place != {PLACE{1'b0}}) & (place <= size);
    assign places[PLACE-1:0] = place;
    assign masks[N_OUT-1:0] =
        inherit ? (ONE << (place - 1'b1)) : (fresh ? {N_OUT{1'b0}} : mask);
    assign carries[0] = carry & ~inherit;
    genvar lane;
    generate
        for (lane = 0; lane < RATE; lane = lane + 1) begin : each
            localparam [COUNT-1:0] INDEX = lane;
            wire [RUN-1:0] run = window[lane*RUN +: RUN];
            wire [PLACE-1:0] from = places[lane*PLACE +: PLACE];
            wire escape = (run == ESCAPE);
            wire [PLACE-1:0] to = from + {{PLACE-RUN{1'b0}}, run} + (escape ? {PLACE{1'b0}} : {{PLACE-1{1'b0}}, 1'b1});
            wire fits = (to <= size);
            assign used[lane] = (INDEX < visible) & (from < size);
            assign places[(lane+1)*PLACE +: PLACE] = used[lane] ? to : from;
            assign masks[(lane+1)*N_OUT +: N_OUT] = masks[lane*N_OUT +: N_OUT]
                | ((used[lane] & ~escape & fits) ? (ONE << (to - 1'b1)) : {N_OUT{1'b0}});
            assign carries[lane+1] = used[lane] ? (~escape & ~fits) : carries[lane];
        end
    endgenerate
    reg [COUNT-1:0] n_used;
    integer k;
    always @* begin
        n_used = {COUNT{1'b0}};
        for (k = 0; k < RATE; k = k + 1) n_used = n_used + {{COUNT-1{1'b0}}, used[k]};
    end

    wire [PLACE-1:0] reached = places[RATE*PLACE +: PLACE];
    wire complete = (reached >= size) | (ended & (n_used == visible));
    wire fire = work & (complete | (n_used == LIMIT));
    assign take = fire ? n_used : {COUNT{1'b0}};
    assign out_valid = full;
    assign out_data = mask;

    always @(posedge clk) begin
        if (fire) mask <= masks[RATE*N_OUT +: N_OUT];
        if (rst) begin
            full <= 1'b0;
            fresh <= 1'b1;
            place <= {PLACE{1'b0}};
            carry <= 1'b0;
        end else begin
            if (work) full <= fire & complete;
            if (fire) begin
                fresh <= complete;
                carry <= carries[RATE];
                place <= (reached >= size) ? reached - size
                                           : (complete ? {PLACE{1'b0}} : reached);
            end
        end
    end
endmodule
