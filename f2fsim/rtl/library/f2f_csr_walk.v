// f2f_csr_walk: row lengths of an interleaved CSR stream to rounds: who has an entry.
//
// Parameters
//   P       PEs; row r belongs to PE r mod P
//   LENGTH, WAVE, ROW_FIFO, ROW_POINTER, ROW_HELD  as in f2f_rows
//
// A put of pointers is the lengths of P rows, one of each PE; n_waves says how many puts there are.
// A round is an entry of each PE that has one, a cycle a round; it waits until every PE is known to
// have an entry or none. out_data: P x {last of its row, row among the PE's own}, and which PEs
// have an entry.
module f2f_csr_walk #(
    parameter P = 4,
    parameter LENGTH = 8,
    parameter WAVE = 8,
    parameter ROW_FIFO = 4,
    parameter ROW_POINTER = 2,
    parameter ROW_HELD = 3
) (
    input  wire                  clk,
    input  wire                  rst,
    input  wire [WAVE:0]         n_waves,
    input  wire                  in_pointer_valid,
    output wire                  in_pointer_ready,
    input  wire [P*LENGTH-1:0]   in_pointer,
    output wire                  out_valid,
    input  wire                  out_ready,
    output wire [P*(1+WAVE)-1:0] out_data,
    output wire [P-1:0]          out_active
);
    reg full;
    reg [P*(1+WAVE)-1:0] data;
    reg [P-1:0] has;
    reg [WAVE:0] waves;
    wire [WAVE:0] waves_on = waves + {{WAVE{1'b0}}, 1'b1};
    reg ended;
    wire [P-1:0] room_then, room_else, known, active;
    wire [P*(1+WAVE)-1:0] items;
    wire put = in_pointer_valid & in_pointer_ready;
    wire work = ~full | out_ready;
    wire fire = work & (&known) & (|active);
    wire then_ready = &room_then;
    wire else_ready = &room_else;
    assign in_pointer_ready = (fire ? then_ready : else_ready) & ~ended;
    assign out_valid = full;
    assign out_data = data;
    assign out_active = has;
    genvar p;
    generate
        for (p = 0; p < P; p = p + 1) begin : pe
            wire [WAVE-1:0] wave;
            wire last;
            f2f_rows #(
                .LENGTH(LENGTH), .WAVE(WAVE), .DEPTH(ROW_FIFO), .POINTER(ROW_POINTER),
                .HELD(ROW_HELD)
            ) rows (
                .clk(clk), .rst(rst),
                .put(put), .length(in_pointer[p*LENGTH +: LENGTH]), .room_then(room_then[p]),
                .room_else(room_else[p]),
                .ended(ended), .known(known[p]), .active(active[p]), .last(last),
                .wave(wave), .take(fire)
            );
            assign items[p*(1+WAVE) +: 1+WAVE] = {last, wave};
        end
    endgenerate
    always @(posedge clk) begin
        if (work) data <= items;
        if (work) has <= active;
        if (rst) begin
            full <= 1'b0;
            waves <= {WAVE+1{1'b0}};
            ended <= (n_waves == {WAVE+1{1'b0}});
        end else begin
            if (work) full <= fire;
            if (put) waves <= waves_on;
            if (put) ended <= (waves_on == n_waves);
        end
    end
endmodule
