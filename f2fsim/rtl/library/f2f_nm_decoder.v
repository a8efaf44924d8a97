// f2f_nm_decoder: slots of N:M groups with their places, all groups of a step in a cycle.
//
// Parameters
//   GROUPS  groups of a step
//   SLOTS   slots of a group (N)
//   SPAN    places of a group (M)
//   INDEX   bits of a place in a group
//   PLACE   bits of a place in the step: ceil(log2(GROUPS * SPAN))
//   WEIGHT  bits of a value
//
// out_data: GROUPS * SLOTS x {place, value}.
module f2f_nm_decoder #(
    parameter GROUPS = 4,
    parameter SLOTS = 2,
    parameter SPAN = 4,
    parameter INDEX = 2,
    parameter PLACE = 4,
    parameter WEIGHT = 8
) (
    input  wire                                     clk,
    input  wire                                     rst,
    input  wire                                     index_valid,
    output wire                                     index_ready,
    input  wire [GROUPS*SLOTS*INDEX-1:0]            index_data,
    input  wire                                     weight_valid,
    output wire                                     weight_ready,
    input  wire [GROUPS*SLOTS*WEIGHT-1:0]           weight_data,
    output wire                                     out_valid,
    input  wire                                     out_ready,
    output wire [GROUPS*SLOTS*(PLACE+WEIGHT)-1:0]   out_data
);
    reg full;
    reg [GROUPS*SLOTS*(PLACE+WEIGHT)-1:0] data;
    wire work = ~full | out_ready;
    wire fire = work & index_valid & weight_valid;
    assign index_ready = work & weight_valid;
    assign weight_ready = work & index_valid;
    assign out_valid = full;
    assign out_data = data;
    wire [GROUPS*SLOTS*(PLACE+WEIGHT)-1:0] made;
    genvar i;
    generate
        for (i = 0; i < GROUPS * SLOTS; i = i + 1) begin : slot
            localparam [PLACE-1:0] BASE = (i / SLOTS) * SPAN;
            wire [31:0] place = {{32-INDEX{1'b0}}, index_data[i*INDEX +: INDEX]}
                + {{32-PLACE{1'b0}}, BASE};
            wire unused = &{1'b0, place};
            assign made[i*(PLACE+WEIGHT) +: PLACE+WEIGHT] =
                {place[PLACE-1:0], weight_data[i*WEIGHT +: WEIGHT]};
        end
    endgenerate
    always @(posedge clk) begin
        if (fire) data <= made;
        if (rst) full <= 1'b0;
        else if (work) full <= fire;
    end
endmodule
