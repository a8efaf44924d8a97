// f2f_patch_place: which plane and which kept weight of a block each patch belongs to.
//
// Parameters
//   N_OUT   weights of a block
//   RATE    fields a cycle
//   W       bits of a place among the care bits of the layer, modulo 2^W
//   KEPT    bits of a block's number of kept weights
//   PLANES  bit planes
//   PLANE   bits of a plane's number
//   CARE    bits of a block's number of care bits
//   COUNT   bits of the gap buffer's counts
//
// Care bits are numbered plane after stored plane, in a plane kept weight after kept weight. Fields
// (f2f_gap_sum) and ends of blocks (f2f_care) are places in the layer: a field belongs to the block
// whose end lies behind its key. A block takes max(1, ceil(n / RATE)) cycles, n its fields; a cycle
// waits for the fields that it takes and for the one after them, which tells whether the block is
// done. The block stays at the head of its channel until its last cycle.
// late_data, two cycles after the one in which it is offered:
// {last cycle of the block, ranks at every 16th weight (f2f_rank_base, generated), mask,
// RATE x {patch, stored plane, number among the kept}}.
module f2f_patch_place #(
    parameter N_OUT = 80,
    parameter RATE = 1,
    parameter W = 26,
    parameter KEPT = 7,
    parameter PLANES = 8,
    parameter PLANE = 3,
    parameter CARE = 10,
    parameter BASES = 28,   // bits of the ranks at every 16th weight
    parameter COUNT = 4
) (
    input  wire                                 clk,
    input  wire                                 rst,
    input  wire                                 block_valid,
    output wire                                 block_ready,
    input  wire [W+KEPT+N_OUT-1:0]              block_data,
    input  wire                                 ended,
    input  wire [COUNT-1:0]                     visible,
    input  wire [(RATE+1)*(1+W)-1:0]            window,
    output wire [COUNT-1:0]                     take,
    output wire                                 fire,
    output wire                                 out_valid,
    input  wire                                 out_ready,
    output wire [BASES+N_OUT+RATE*(1+PLANE+KEPT):0] late_data
);
    localparam ITEM = 1 + PLANE + KEPT;
    wire [W-1:0] ends;
    wire [KEPT-1:0] kept;
    wire [N_OUT-1:0] mask;
    assign {ends, kept, mask} = block_data;

    // Keys ascend: the fields of the block are the first ones of the window.
    wire [RATE:0] inside, outside;
    genvar k, j;
    generate
        for (j = 0; j <= RATE; j = j + 1) begin : field
            localparam [COUNT-1:0] INDEX = j;
            wire [W-1:0] distance = window[j*(1+W) +: W] - ends;
            wire there = (visible > INDEX);
            assign inside[j] = there & distance[W-1];
            assign outside[j] = there & ~distance[W-1];
            wire unused = &{1'b0, distance};
        end
    endgenerate
    reg [COUNT-1:0] n_used;
    integer i;
    always @* begin
        n_used = {COUNT{1'b0}};
        for (i = 0; i < RATE; i = i + 1) n_used = n_used + {{COUNT-1{1'b0}}, inside[i]};
    end
    wire last = ~inside[RATE];
    wire supplied = ended | inside[RATE] | (|outside);
    reg full;
    wire work = ~full | out_ready;
    assign fire = work & block_valid & supplied;
    assign block_ready = work & supplied & last;
    assign take = n_used;
    assign out_valid = full;

    // Registers of the unit, then of the two stages.
    reg last_0, last_1;
    reg [RATE-1:0] patch_0, patch_1;
    reg [N_OUT-1:0] mask_0, mask_1;
    reg [KEPT-1:0] kept_0;
    reg [CARE-1:0] begin_0, begins;
    reg [RATE*CARE-1:0] key_0;
    wire unused_window = &{1'b0, window};
    always @(posedge clk) begin
        if (rst) begin
            full <= 1'b0;
            begins <= {CARE{1'b0}};
        end else begin
            if (work) full <= fire;
            if (fire & last) begins <= ends[CARE-1:0];
        end
        if (work) begin
            last_0 <= last;
            mask_0 <= mask;
            kept_0 <= kept;
            begin_0 <= begins;
        end
        last_1 <= last_0;
        patch_1 <= patch_0;
        mask_1 <= mask_0;
    end
    // First stage: places in the block, and the multiples of its kept weights.
    reg [(PLANES+1)*CARE-1:0] multiples;
    generate
        for (k = 0; k <= PLANES; k = k + 1) begin : multiple
            localparam [CARE-1:0] TIMES = k;
            always @(posedge clk)
                multiples[k*CARE +: CARE] <= {{CARE-KEPT{1'b0}}, kept_0} * TIMES;
        end
        for (j = 0; j < RATE; j = j + 1) begin : lane
            always @(posedge clk) if (work) begin
                patch_0[j] <= inside[j] & window[j*(1+W)+W];
                key_0[j*CARE +: CARE] <= window[j*(1+W) +: CARE];
            end
            reg [CARE-1:0] place;
            always @(posedge clk) place <= key_0[j*CARE +: CARE] - begin_0;
            // Second stage: the plane whose multiple is the last one that is not beyond.
            wire [PLANES:0] reached;
            wire [PLANES*PLANE-1:0] plane_of;
            wire [PLANES*KEPT-1:0] number_of;
            assign reached[0] = 1'b1;
            assign reached[PLANES] = 1'b0;
            for (k = 0; k < PLANES; k = k + 1) begin : compared
                localparam [PLANE-1:0] NUMBER = k;
                wire [CARE:0] number = {1'b0, place} - {1'b0, multiples[k*CARE +: CARE]};
                if (k > 0) begin : behind
                    assign reached[k] = ~number[CARE];
                end
                wire here = reached[k] & ~reached[k+1];
                wire [PLANE-1:0] chosen_plane = {PLANE{here}} & NUMBER;
                wire [KEPT-1:0] chosen_number = {KEPT{here}} & number[KEPT-1:0];
                wire unused = &{1'b0, number};
                if (k == 0) begin : first
                    assign plane_of[PLANE-1:0] = chosen_plane;
                    assign number_of[KEPT-1:0] = chosen_number;
                end else begin : next
                    assign plane_of[k*PLANE +: PLANE] =
                        plane_of[(k-1)*PLANE +: PLANE] | chosen_plane;
                    assign number_of[k*KEPT +: KEPT] =
                        number_of[(k-1)*KEPT +: KEPT] | chosen_number;
                end
            end
            assign late_data[j*ITEM +: ITEM] = {
                patch_1[j], plane_of[(PLANES-1)*PLANE +: PLANE],
                number_of[(PLANES-1)*KEPT +: KEPT]
            };
        end
    endgenerate
    wire unused_multiples = &{1'b0, multiples};
    wire [BASES-1:0] bases;
    f2f_rank_base directory (.mask(mask_1), .bases(bases));
    assign late_data[RATE*ITEM +: BASES+N_OUT+1] = {last_1, bases, mask_1};
endmodule
