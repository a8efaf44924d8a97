// f2f_mask_runs: mask unit of the zero-run code, up to RATE code words a cycle.
//
// Parameters
//   N_OUT  mask bits of a block
//   RATE   code words a cycle
//   COUNT  bits of the field buffer's counts
//   W      bits of a place in the layer's mask, modulo 2^W (f2f_run_sums)
//   PLACE  bits of `size`: weights of a block that the layer uses, 1 .. N_OUT
//
// A block takes max(1, ceil(n / RATE)) cycles, n the code words that begin in it: those whose place
// before lies before the block's end. Places are compared all at once. `ended` tells that the last
// code word of the stream is in the buffer. A kept weight of a word may lie in a later block: it is
// the one before `place` then.
// late_data, a cycle after the one in which it is offered: the mask, zero from `size` on.
module f2f_mask_runs #(
    parameter N_OUT = 80,
    parameter RATE = 1,
    parameter COUNT = 4,
    parameter W = 10,
    parameter PLACE = 7
) (
    input  wire                    clk,
    input  wire                    rst,
    input  wire [PLACE-1:0]        size,
    input  wire                    ended,
    input  wire [COUNT-1:0]        visible,
    input  wire [RATE*(1+W)-1:0]   window,
    output wire [COUNT-1:0]        take,
    output wire                    fire,
    output wire                    out_valid,
    input  wire                    out_ready,
    output reg  [N_OUT-1:0]        late_data
);
    localparam [COUNT-1:0] LIMIT = RATE;
    wire [W-1:0] wide_size = {{W-PLACE{1'b0}}, size};
    reg full;             // the words in the registers complete a block
    reg fresh;            // the next code word begins a block
    reg carry;            // the weight right before `place` is kept and not yet set
    reg [W-1:0] place;    // where the next code word begins
    reg [W-1:0] begins;   // where the block begins
    reg started;          // `ends` is there
    reg [W-1:0] ends_kept;
    wire [W-1:0] ends = started ? ends_kept : wide_size;

    // Lane j is word j; places ascend, so that the block's words are the first ones.
    wire [RATE-1:0] there, used, before, beyond, escape;
    wire [W-1:0] from_place = place - ends;
    wire more = from_place[W-1];
    genvar j, b;
    generate
        for (j = 0; j < RATE; j = j + 1) begin : lane
            localparam [COUNT-1:0] INDEX = j;
            wire [W-1:0] next = window[j*(1+W) +: W];
            wire [W-1:0] from_end = next - ends;
            wire [W-1:0] to_end = ends - next;
            assign escape[j] = window[j*(1+W)+W];
            assign there[j] = (INDEX < visible);
            assign before[j] = from_end[W-1];   // the word after it begins in this block
            assign beyond[j] = to_end[W-1];     // its kept weight lies behind this block
            if (j == 0) begin : first
                assign used[j] = there[j] & more;
            end else begin : behind
                assign used[j] = there[j] & before[j-1] & more;
            end
            wire unused = &{1'b0, from_end, to_end};
        end
    endgenerate
    reg [COUNT-1:0] n_used;
    reg [W-1:0] reached;
    reg carried;
    integer i;
    always @* begin
        n_used = {COUNT{1'b0}};
        reached = place;
        carried = carry;
        for (i = 0; i < RATE; i = i + 1) begin
            n_used = n_used + {{COUNT-1{1'b0}}, used[i]};
            if (used[i]) reached = window[i*(1+W) +: W];
            if (used[i]) carried = ~escape[i] & beyond[i];
        end
    end
    wire [W-1:0] to_place = ends - place;
    wire inherit = fresh & carry & (place != begins) & ~to_place[W-1];
    wire all = ended & (visible <= LIMIT) & ~(|(there & ~used));
    wire complete = ~more | (|(used & ~before)) | all;
    wire work = ~full | out_ready;
    assign fire = work & (complete | used[RATE-1]);
    assign take = n_used;
    assign out_valid = full;
    wire unused_place = &{1'b0, from_place, to_place};

    // Registers: kept weights of this cycle, counted from the block; then one-hot, all together.
    reg done;
    reg [RATE:0] set;
    reg [(RATE+1)*W-1:0] kept;
    reg [W-1:0] origin;
    reg [N_OUT-1:0] partial;
    wire [(RATE+1)*N_OUT-1:0] hot;
    generate
        for (j = 0; j <= RATE; j = j + 1) begin : shown
            wire [W-1:0] at = kept[j*W +: W] - origin;
            for (b = 0; b < N_OUT; b = b + 1) begin : each
                localparam [W-1:0] NUMBER = b + 1;
                assign hot[j*N_OUT+b] = set[j] & (at == NUMBER);
            end
        end
    endgenerate
    reg [N_OUT-1:0] together;
    always @* begin
        together = partial;
        for (i = 0; i <= RATE; i = i + 1) together = together | hot[i*N_OUT +: N_OUT];
    end
    always @(posedge clk) begin
        late_data <= together;
        if (fire) begin
            done <= complete;
            set <= {inherit, used & ~escape & ~beyond};
            origin <= begins;
            for (i = 0; i < RATE; i = i + 1) kept[i*W +: W] <= window[i*(1+W) +: W];
            kept[RATE*W +: W] <= place;
            partial <= done ? {N_OUT{1'b0}} : together;
        end
        if (rst) begin
            full <= 1'b0;
            fresh <= 1'b1;
            carry <= 1'b0;
            done <= 1'b1;
            started <= 1'b0;
            place <= {W{1'b0}};
            begins <= {W{1'b0}};
        end else begin
            if (work) full <= fire & complete;
            if (fire) begin
                fresh <= complete;
                place <= reached;
                carry <= carried & ~(inherit & ~(|used));
                started <= 1'b1;
                if (complete) begins <= ends;
            end
        end
        if (fire) ends_kept <= complete ? ends + wide_size : ends;
    end
endmodule
