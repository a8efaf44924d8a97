// f2f_patch_unit: flips the bits that the decoder could not match.
//
// Parameters
//   N_OUT     bits of a block in one plane
//   PLANES    bit planes
//   RATE      patches a cycle
//   COUNT     bits of a block's number of patches, and of the field buffer's counts
//   POSITION  bits of a position 0 .. N_OUT-1
//   PLANE     bits of a plane number
//
// A patch is {plane, position}. A block with n patches takes max(1, ceil(n / RATE)) cycles; a
// cycle waits until the (up to RATE) patches that it applies are visible. The next block is
// taken in the cycle in which the block before it leaves.
module f2f_patch_unit #(
    parameter N_OUT = 80,
    parameter PLANES = 8,
    parameter RATE = 1,
    parameter COUNT = 8,
    parameter POSITION = 7,
    parameter PLANE = 3
) (
    input  wire                             clk,
    input  wire                             rst,
    input  wire                             block_valid,
    output wire                             block_ready,
    input  wire [PLANES*N_OUT-1:0]          block_data,
    input  wire                             count_valid,
    output wire                             count_ready,
    input  wire [COUNT-1:0]                 count_data,
    input  wire [COUNT-1:0]                 visible,
    input  wire [RATE*(PLANE+POSITION)-1:0] window,
    output wire [COUNT-1:0]                 take,
    output wire                             out_valid,
    input  wire                             out_ready,
    output wire [PLANES*N_OUT-1:0]          out_data
);
    localparam FIELD = PLANE + POSITION;
    localparam [COUNT-1:0] LIMIT = RATE;
    localparam [PLANES-1:0] ONE_PLANE = 1;

    reg full;
    reg [COUNT-1:0] left;
    reg [PLANES*N_OUT-1:0] data;

    // A new block starts when none is in service; otherwise the one in service goes on.
    wire done = full & (left == {COUNT{1'b0}});
    wire fresh = ~full | (done & out_ready);
    wire [COUNT-1:0] pending = fresh ? count_data : left;
    wire [COUNT-1:0] now = (pending > LIMIT) ? LIMIT : pending;
    wire supplied = (visible >= now);
    wire start = fresh & block_valid & count_valid & supplied;
    wire go_on = full & ~done & supplied;

    assign block_ready = fresh & count_valid & supplied;
    assign count_ready = fresh & block_valid & supplied;
    assign take = (start | go_on) ? now : {COUNT{1'b0}};
    assign out_valid = done;
    assign out_data = data;

    // One-hot plane and position of each lane; a bit flips once for each lane that names it.
    wire [(RATE+1)*PLANES*N_OUT-1:0] flipped;
    assign flipped[PLANES*N_OUT-1:0] = fresh ? block_data : data;
    genvar lane, p;
    generate
        for (lane = 0; lane < RATE; lane = lane + 1) begin : each
            localparam [COUNT-1:0] INDEX = lane;
            wire active = INDEX < now;
            wire [N_OUT-1:0] position_hot = {{N_OUT-1{1'b0}}, active} << window[lane*FIELD +: POSITION];
            wire [PLANES-1:0] plane_hot = ONE_PLANE << window[lane*FIELD+POSITION +: PLANE];
            wire [PLANES*N_OUT-1:0] flip;
            for (p = 0; p < PLANES; p = p + 1) begin : each_plane
                assign flip[p*N_OUT +: N_OUT] = {N_OUT{plane_hot[p]}} & position_hot;
            end
            assign flipped[(lane+1)*PLANES*N_OUT +: PLANES*N_OUT] =
                flipped[lane*PLANES*N_OUT +: PLANES*N_OUT] ^ flip;
        end
    endgenerate

    always @(posedge clk) begin
        if (start | go_on) data <= flipped[RATE*PLANES*N_OUT +: PLANES*N_OUT];
        if (rst) begin
            full <= 1'b0;
            left <= {COUNT{1'b0}};
        end else begin
            if (fresh) full <= start;
            if (start | go_on) left <= pending - now;
        end
    end
endmodule
