// f2f_patch_unit: flips the bits that the decoder could not match, and clears pruned weights.
//
// Parameters
//   N_OUT   bits of a block in one plane
//   PLANES  bit planes
//   RATE    patches a cycle
//   PLANE   bits of a plane's number
//   KEPT    bits of a number among a block's kept weights
//
// placed_data: {last cycle of the block, ranks at every 16th weight, mask, RATE x {patch, stored plane, number among the
// kept}}; a patch's position is that of the kept weight of that rank (f2f_rank_hot). plane_stored
// says which planes are stored, plane_number the number of each among them. A cycle applies up to
// RATE patches; the block is taken in its first cycle. Positions are found in that cycle, the bits
// are flipped in the next. out_data: {mask, planes}, pruned weights zero.
module f2f_patch_unit #(
    parameter N_OUT = 80,
    parameter PLANES = 8,
    parameter RATE = 1,
    parameter PLANE = 3,
    parameter KEPT = 7,
    parameter BASES = 28
) (
    input  wire                                clk,
    input  wire                                rst,
    input  wire [PLANES-1:0]                   plane_stored,
    input  wire [PLANES*PLANE-1:0]             plane_number,
    input  wire                                block_valid,
    output wire                                block_ready,
    input  wire [PLANES*N_OUT-1:0]             block_data,
    input  wire                                placed_valid,
    output wire                                placed_ready,
    input  wire [BASES+N_OUT+RATE*(1+PLANE+KEPT):0] placed_data,
    output wire                                out_valid,
    input  wire                                out_ready,
    output wire [(PLANES+1)*N_OUT-1:0]         out_data
);
    localparam ITEM = 1 + PLANE + KEPT;
    reg full, done;
    reg [N_OUT-1:0] mask;
    reg [PLANES*N_OUT-1:0] data;
    reg [RATE*N_OUT-1:0] hot;
    reg [RATE*PLANES-1:0] planes;

    // A new block starts when none is in service; otherwise the one in service goes on.
    wire fresh = ~full | (done & out_ready);
    wire start = fresh & block_valid & placed_valid;
    wire go_on = full & ~done & placed_valid;
    assign block_ready = fresh & placed_valid;
    assign placed_ready = (fresh & block_valid) | (full & ~done);
    assign out_valid = full & done;

    wire [RATE*KEPT-1:0] kept;
    wire [RATE*N_OUT-1:0] found;
    f2f_rank_hot ranks (.mask(placed_data[RATE*ITEM +: N_OUT]), .kept(kept),
        .bases(placed_data[RATE*ITEM+N_OUT +: BASES]), .hot(found));
    wire [(RATE+1)*PLANES*N_OUT-1:0] flipped;
    assign flipped[PLANES*N_OUT-1:0] = data;
    genvar lane, p;
    generate
        for (lane = 0; lane < RATE; lane = lane + 1) begin : each
            assign kept[lane*KEPT +: KEPT] = placed_data[lane*ITEM +: KEPT];
            wire [PLANE-1:0] plane = placed_data[lane*ITEM+KEPT +: PLANE];
            wire is_patch = placed_data[lane*ITEM+KEPT+PLANE];
            for (p = 0; p < PLANES; p = p + 1) begin : each_plane
                localparam AT = (lane * PLANES + p) * N_OUT;
                always @(posedge clk)
                    if (start | go_on)
                        planes[lane*PLANES+p] <= is_patch & plane_stored[p]
                            & (plane == plane_number[p*PLANE +: PLANE]);
                assign flipped[AT+PLANES*N_OUT +: N_OUT] = flipped[AT +: N_OUT]
                    ^ ({N_OUT{planes[lane*PLANES+p]}} & hot[lane*N_OUT +: N_OUT]);
            end
        end
    endgenerate
    wire [PLANES*N_OUT-1:0] fixed = flipped[RATE*PLANES*N_OUT +: PLANES*N_OUT];
    assign out_data = {mask, fixed & {PLANES{mask}}};

    always @(posedge clk) begin
        if (start | go_on) begin
            data <= fresh ? block_data : fixed;
            hot <= found;
            mask <= placed_data[RATE*ITEM +: N_OUT];
            done <= placed_data[RATE*ITEM+N_OUT+BASES];
        end
        if (rst) full <= 1'b0;
        else if (fresh) full <= start;
    end
endmodule
