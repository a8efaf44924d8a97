// f2f_run_decoder: zero runs to places, up to ENTRIES entries a cycle.
//
// Parameters
//   ENTRIES  entries a cycle
//   RUN      bits of a run
//   OFFSET   bits of a place within a step: ceil(log2(ENTRIES * 2^RUN))
//   PLACE    bits of a place in the tensor, at least OFFSET + 1
//   WEIGHT   bits of a value
//   COUNT    bits of the field buffers' counts
//
// A cycle takes ENTRIES entries; it waits until they are visible, or all that are left once both
// streams have ended. An entry lies its run and one further than the one before. Offsets are summed
// up on the way (f2f_offsets, generated); a step whose sum is there in this cycle says `arrive`.
// late_data, as f2f_pipe wants it: {entries in use, place of the step's first weight, ENTRIES x
// {offset from there, value}}; entries that are not in use hold anything.
module f2f_run_decoder #(
    parameter ENTRIES = 4,
    parameter RUN = 4,
    parameter OFFSET = 6,
    parameter PLACE = 16,
    parameter WEIGHT = 8,
    parameter COUNT = 4
) (
    input  wire                                           clk,
    input  wire                                           rst,
    input  wire                                           index_ended,
    input  wire                                           weight_ended,
    input  wire [COUNT-1:0]                               index_visible,
    input  wire [ENTRIES*RUN-1:0]                         index_window,
    input  wire [COUNT-1:0]                               weight_visible,
    input  wire [ENTRIES*WEIGHT-1:0]                      weight_window,
    output wire [COUNT-1:0]                               take,
    output wire                                           fire,
    output wire                                           out_valid,
    input  wire                                           out_ready,
    input  wire                                           arrive,
    output wire [COUNT+PLACE+ENTRIES*(OFFSET+WEIGHT)-1:0] late_data
);
    localparam [COUNT-1:0] ALL = ENTRIES;
    reg full;
    reg [PLACE-1:0] base;

    wire whole = (index_visible >= ALL) & (weight_visible >= ALL);
    wire rest = index_ended & weight_ended & (index_visible == weight_visible)
        & (index_visible != {COUNT{1'b0}});
    wire [COUNT-1:0] late_count;
    wire work = ~full | out_ready;
    assign fire = work & (whole | rest);
    assign take = whole ? ALL : index_visible;
    assign out_valid = full;

    wire [ENTRIES*OFFSET-1:0] offsets;
    wire [ENTRIES*WEIGHT-1:0] values;
    wire [OFFSET:0] covered;
    f2f_offsets sums (
        .clk(clk), .enable(work), .runs(index_window), .beside({take, weight_window}),
        .offsets(offsets), .covered(covered), .late({late_count, values})
    );
    wire [ENTRIES*(OFFSET+WEIGHT)-1:0] pairs;
    genvar i;
    generate
        for (i = 0; i < ENTRIES; i = i + 1) begin : entry
            assign pairs[i*(OFFSET+WEIGHT) +: OFFSET+WEIGHT] =
                {offsets[i*OFFSET +: OFFSET], values[i*WEIGHT +: WEIGHT]};
        end
    endgenerate
    assign late_data = {late_count, base, pairs};
    always @(posedge clk) begin
        if (rst) begin
            full <= 1'b0;
            base <= {PLACE{1'b0}};
        end else begin
            if (work) full <= fire;
            if (arrive) base <= base + {{PLACE-OFFSET-1{1'b0}}, covered};
        end
    end
endmodule
