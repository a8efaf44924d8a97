// f2f_patch_place: which plane and which kept weight of a block each patch belongs to.
//
// Parameters
//   RATE    fields a cycle
//   GAP     bits of a gap
//   KEPT    bits of a block's number of kept weights
//   PLANES  bit planes
//   PLANE   bits of a plane's number
//   CARE    bits of a block's number of care bits
//   COUNT   bits of the gap buffer's counts
//
// Care bits are numbered plane after stored plane, in a plane kept weight after kept weight. `from`
// is the care bit behind the last patch, counted from the block's first one: negative where the
// gap at hand began in an earlier block. A block takes max(1, ceil(n / RATE)) cycles, n the fields
// that begin (escapes) or end (patches) in it; a cycle waits for the fields that it takes and for
// the one after them, which tells whether the block is done. The kept count of a block stays at
// the head of its channel until the block's last cycle.
// out_data: {last cycle of the block, RATE x {patch, stored plane, number among the kept}}.
module f2f_patch_place #(
    parameter RATE = 1,
    parameter GAP = 16,
    parameter KEPT = 7,
    parameter PLANES = 8,
    parameter PLANE = 3,
    parameter CARE = 10,
    parameter COUNT = 4
) (
    input  wire                             clk,
    input  wire                             rst,
    input  wire [PLANE:0]                   n_stored,
    input  wire                             kept_valid,
    output wire                             kept_ready,
    input  wire [KEPT-1:0]                  kept,
    input  wire                             ended,
    input  wire [COUNT-1:0]                 visible,
    input  wire [(RATE+1)*(1+GAP)-1:0]      window,
    output wire [COUNT-1:0]                 take,
    output wire                             out_valid,
    input  wire                             out_ready,
    output wire [RATE*(1+PLANE+KEPT):0]     out_data
);
    localparam W = ((GAP > CARE) ? GAP : CARE) + 2;   // signed
    localparam ITEM = 1 + PLANE + KEPT;
    reg full;
    reg [RATE*ITEM:0] data;
    reg signed [W-1:0] from;

    // Multiples of the kept weights: where each plane begins, and the block's care bits.
    wire [(PLANES+1)*CARE-1:0] begins;
    genvar k, j;
    generate
        for (k = 0; k <= PLANES; k = k + 1) begin : plane
            if (k == 0) begin : first
                assign begins[CARE-1:0] = {CARE{1'b0}};
            end else begin : next
                assign begins[k*CARE +: CARE] =
                    begins[(k-1)*CARE +: CARE] + {{CARE-KEPT{1'b0}}, kept};
            end
        end
    endgenerate
    wire [CARE-1:0] n_care;
    f2f_select #(.SPAN(PLANES+1), .WIDTH(CARE), .SEL(PLANE+1)) stored (
        .words(begins), .sel(n_stored), .word(n_care)
    );
    wire signed [W-1:0] care = {{W-CARE{1'b0}}, n_care};

    wire [RATE:0] inside;              // the field belongs to this block
    wire [RATE*ITEM-1:0] items;
    generate
        for (j = 0; j <= RATE; j = j + 1) begin : at
            wire signed [W-1:0] start;
        end
        assign at[0].start = from;
        for (j = 0; j <= RATE; j = j + 1) begin : lane
            localparam [COUNT-1:0] INDEX = j;
            wire is_patch = window[j*(1+GAP)+GAP];
            wire signed [W-1:0] gap = {{W-GAP{1'b0}}, window[j*(1+GAP) +: GAP]};
            wire signed [W-1:0] place = at[j].start + gap;
            wire here = (visible > INDEX) & (at[j].start < care) & (~is_patch | (place < care));
            if (j == 0) begin : begin_of_lanes
                assign inside[0] = here;
            end else begin : behind
                assign inside[j] = inside[j-1] & here;
            end
            if (j < RATE) begin : used
                assign at[j+1].start =
                    inside[j] ? place + {{W-1{1'b0}}, is_patch} : at[j].start;
                wire [PLANES-1:0] reached;
                wire [PLANE-1:0] numbers [0:PLANES];
                wire [CARE-1:0] starts [0:PLANES];
                assign numbers[0] = {PLANE{1'b0}};
                assign starts[0] = {CARE{1'b0}};
                for (k = 1; k < PLANES; k = k + 1) begin : compared
                    localparam [PLANE-1:0] NUMBER = k;
                    assign reached[k] = (place[CARE-1:0] >= begins[k*CARE +: CARE]);
                    assign numbers[k] = reached[k] ? NUMBER : numbers[k-1];
                    assign starts[k] = reached[k] ? begins[k*CARE +: CARE] : starts[k-1];
                end
                assign reached[0] = 1'b1;
                wire [CARE-1:0] number = place[CARE-1:0] - starts[PLANES-1];
                wire unused = &{1'b0, reached[0], number};
                assign items[j*ITEM +: ITEM] =
                    {inside[j] & is_patch, numbers[PLANES-1], number[KEPT-1:0]};
            end
        end
    endgenerate
    reg [COUNT-1:0] n_used;
    integer i;
    always @* begin
        n_used = {COUNT{1'b0}};
        for (i = 0; i < RATE; i = i + 1) n_used = n_used + {{COUNT-1{1'b0}}, inside[i]};
    end
    wire supplied = ended | (visible > n_used);
    wire last = ~inside[RATE];
    wire work = ~full | out_ready;
    wire fire = work & kept_valid & supplied;
    assign kept_ready = work & supplied & last;
    assign take = fire ? n_used : {COUNT{1'b0}};
    assign out_valid = full;
    assign out_data = data;
    always @(posedge clk) begin
        if (fire) data <= {last, items};
        if (rst) begin
            full <= 1'b0;
            from <= {W{1'b0}};
        end else begin
            if (work) full <= fire;
            if (fire) from <= last ? at[RATE].start - care : at[RATE].start;
        end
    end
endmodule
