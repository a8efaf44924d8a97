// f2f_csr_decoder: row lengths, column indices and values of an interleaved CSR stream to rounds.
//
// Parameters
//   P        PEs; row r belongs to PE r mod P
//   COUNT    bits of the field buffers' counts
//   ACTIVE   bits of a number of PEs 0 .. P
//   INDEX    bits of a column index
//   WEIGHT   bits of a value
//   LENGTH, WAVE, ROW_FIFO, ROW_POINTER, ROW_HELD  as in f2f_rows
//
// A put of pointers is the lengths of P rows, one of each PE; n_waves says how many puts there are.
// A round is an entry of each PE that has one: PE p's is the window's field whose number is that
// of the PEs before it that have one. A cycle a round; it waits until every PE is known to have an
// entry or none, and until the entries are visible. out_data: P x {has one, last of its row, row
// among the PE's own, value, index}; PEs without one hold anything.
module f2f_csr_decoder #(
    parameter P = 4,
    parameter COUNT = 4,
    parameter ACTIVE = 3,
    parameter INDEX = 8,
    parameter WEIGHT = 8,
    parameter LENGTH = 8,
    parameter WAVE = 8,
    parameter ROW_FIFO = 4,
    parameter ROW_POINTER = 2,
    parameter ROW_HELD = 3
) (
    input  wire                                clk,
    input  wire                                rst,
    input  wire [WAVE:0]                       n_waves,
    input  wire                                in_pointer_valid,
    output wire                                in_pointer_ready,
    input  wire [P*LENGTH-1:0]                 in_pointer,
    input  wire [COUNT-1:0]                    index_visible,
    input  wire [P*INDEX-1:0]                  index_window,
    input  wire [COUNT-1:0]                    weight_visible,
    input  wire [P*WEIGHT-1:0]                 weight_window,
    output wire [COUNT-1:0]                    take,
    output wire                                out_valid,
    input  wire                                out_ready,
    output wire [P*(2+WAVE+WEIGHT+INDEX)-1:0]  out_data
);
    localparam ENTRY = WEIGHT + INDEX;
    localparam ITEM = 2 + WAVE + ENTRY;

    reg full;
    reg [P*ITEM-1:0] data;
    reg [WAVE:0] waves;
    wire ended = (waves == n_waves);
    wire [P-1:0] room, known, active, last;
    wire [P*WAVE-1:0] wave;
    wire put = in_pointer_valid & in_pointer_ready;
    assign in_pointer_ready = &room & ~ended;

    wire [ACTIVE-1:0] n_active;
    wire [31:0] wanted = {{32-ACTIVE{1'b0}}, n_active};
    wire supplied = ({{32-COUNT{1'b0}}, index_visible} >= wanted)
        & ({{32-COUNT{1'b0}}, weight_visible} >= wanted);
    wire work = ~full | out_ready;
    wire fire = work & (&known) & (|active) & supplied;
    assign take = fire ? wanted[COUNT-1:0] : {COUNT{1'b0}};
    assign out_valid = full;
    assign out_data = data;

    wire [P*ENTRY-1:0] packed_entries, dealt;
    wire [P*ITEM-1:0] items;
    wire unused = &{1'b0, wanted};
    f2f_expand expand (
        .active(active), .n_active(n_active), .in_data(packed_entries), .out_data(dealt)
    );
    genvar p;
    generate
        for (p = 0; p < P; p = p + 1) begin : pe
            assign packed_entries[p*ENTRY +: ENTRY] =
                {weight_window[p*WEIGHT +: WEIGHT], index_window[p*INDEX +: INDEX]};
            f2f_rows #(
                .LENGTH(LENGTH), .WAVE(WAVE), .DEPTH(ROW_FIFO), .POINTER(ROW_POINTER),
                .HELD(ROW_HELD)
            ) rows (
                .clk(clk), .rst(rst),
                .put(put), .length(in_pointer[p*LENGTH +: LENGTH]), .room(room[p]),
                .ended(ended), .known(known[p]), .active(active[p]), .last(last[p]),
                .wave(wave[p*WAVE +: WAVE]), .take(fire)
            );
            assign items[p*ITEM +: ITEM] =
                {active[p], last[p], wave[p*WAVE +: WAVE], dealt[p*ENTRY +: ENTRY]};
        end
    endgenerate

    always @(posedge clk) begin
        if (fire) data <= items;
        if (rst) begin
            full <= 1'b0;
            waves <= {WAVE+1{1'b0}};
        end else begin
            if (work) full <= fire;
            if (put) waves <= waves + 1'b1;
        end
    end
endmodule
