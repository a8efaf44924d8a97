// f2f_csr_decoder: entries of an interleaved CSR stream to the PEs of a round.
//
// Parameters
//   P        PEs
//   COUNT    bits of the field buffers' counts
//   ACTIVE   bits of a number of PEs 0 .. P
//   INDEX    bits of a column index
//   WEIGHT   bits of a value
//   WAVE     bits of the number of a row among a PE's own
//
// round_data: {PEs that have an entry, P x {last of its row, row}, which PEs those are}
// (f2f_csr_walk, counted on their way). PE p's entry is the window's field whose number is that of
// the PEs before it that have one. A cycle a round; it waits until the entries are visible.
// late_data: P x {has one, last of its row, row among the PE's own, value, index}, as f2f_pipe wants
// it: the registers of f2f_expand (generated) are its latency. PEs without one hold anything.
module f2f_csr_decoder #(
    parameter P = 4,
    parameter COUNT = 4,
    parameter ACTIVE = 3,
    parameter INDEX = 8,
    parameter WEIGHT = 8,
    parameter WAVE = 8
) (
    input  wire                                clk,
    input  wire                                rst,
    input  wire                                round_valid,
    output wire                                round_ready,
    input  wire [ACTIVE+P*(2+WAVE)-1:0]        round_data,
    input  wire [COUNT-1:0]                    index_visible,
    input  wire [P*INDEX-1:0]                  index_window,
    input  wire [COUNT-1:0]                    weight_visible,
    input  wire [P*WEIGHT-1:0]                 weight_window,
    output wire [COUNT-1:0]                    take,
    output wire                                fire,
    output wire                                out_valid,
    input  wire                                out_ready,
    output wire [P*(2+WAVE+WEIGHT+INDEX)-1:0]  late_data
);
    localparam ENTRY = WEIGHT + INDEX;
    localparam ITEM = 2 + WAVE + ENTRY;
    reg full;
    wire [ACTIVE-1:0] n_active;
    wire [P*(1+WAVE)-1:0] rows, late_rows;
    wire [P-1:0] active, late_active;
    assign {n_active, rows, active} = round_data;
    wire [31:0] wanted = {{32-ACTIVE{1'b0}}, n_active};
    wire supplied = ({{32-COUNT{1'b0}}, index_visible} >= wanted)
        & ({{32-COUNT{1'b0}}, weight_visible} >= wanted);
    wire work = ~full | out_ready;
    assign fire = work & round_valid & supplied;
    assign round_ready = work & supplied;
    assign take = wanted[COUNT-1:0];
    assign out_valid = full;
    wire [P*ENTRY-1:0] packed_entries, dealt;
    wire unused = &{1'b0, wanted};
    f2f_expand expand (
        .clk(clk), .enable(work), .active(active), .beside(rows), .in_data(packed_entries),
        .out_data(dealt), .late_active(late_active), .late(late_rows)
    );
    genvar p;
    generate
        for (p = 0; p < P; p = p + 1) begin : pe
            assign packed_entries[p*ENTRY +: ENTRY] =
                {weight_window[p*WEIGHT +: WEIGHT], index_window[p*INDEX +: INDEX]};
            assign late_data[p*ITEM +: ITEM] = {
                late_active[p], late_rows[p*(1+WAVE) +: 1+WAVE], dealt[p*ENTRY +: ENTRY]
            };
        end
    endgenerate
    always @(posedge clk) begin
        if (rst) full <= 1'b0;
        else if (work) full <= fire;
    end
endmodule
