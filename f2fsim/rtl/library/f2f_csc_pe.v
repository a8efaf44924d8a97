// f2f_csc_pe: a PE of a broadcast array walks through the entries of its slice of a column.
//
// Parameters
//   ADDRESS  bits of an entry's address in the PE's sparse-matrix memory
//   LENGTH   bits of a slice's number of entries
//   RUN      bits of a zero run
//   ROW      bits of a row of the PE
//   WEIGHT   bits of a value
//   ACT      bits of an activation
//
// The head of the activation queue says where the slice begins and how long it is (the pointers of
// its column); it stays there until the slice's last cycle. An entry a cycle; a slice without
// entries takes one cycle. The row is the one before, plus the run, plus one; it starts anew with
// each slice. out_data: {there is an entry, last cycle of the slice, row, value, activation}.
module f2f_csc_pe #(
    parameter ADDRESS = 10,
    parameter LENGTH = 6,
    parameter RUN = 4,
    parameter ROW = 6,
    parameter WEIGHT = 8,
    parameter ACT = 8
) (
    input  wire                          clk,
    input  wire                          rst,
    input  wire                          slice_valid,
    output wire                          slice_ready,
    input  wire [ACT+ADDRESS+LENGTH-1:0] slice_data,
    output wire [ADDRESS-1:0]            entry_address,
    input  wire [RUN+WEIGHT-1:0]         entry,
    output wire                          out_valid,
    input  wire                          out_ready,
    output wire [1+ROW+WEIGHT+ACT:0]     out_data
);
    reg full;
    reg [LENGTH-1:0] walked;
    reg [ROW-1:0] next;   // row after that of the entry before
    reg [1+ROW+WEIGHT+ACT:0] data;

    wire [LENGTH-1:0] length = slice_data[LENGTH-1:0];
    wire [LENGTH-1:0] then = walked + 1'b1;
    wire has_entry = (length != {LENGTH{1'b0}});
    wire last = ~has_entry | (then == length);
    wire work = ~full | out_ready;
    wire fire = work & slice_valid;
    assign slice_ready = work & last;
    assign entry_address = slice_data[LENGTH +: ADDRESS] + {{ADDRESS-LENGTH{1'b0}}, walked};
    wire [ROW-1:0] run_rows;
    generate
        if (ROW > RUN) begin : wide
            assign run_rows = {{ROW-RUN{1'b0}}, entry[RUN-1:0]};
        end else begin : narrow
            assign run_rows = entry[ROW-1:0];
        end
    endgenerate
    wire [ROW-1:0] row = next + run_rows;
    assign out_valid = full;
    assign out_data = data;

    always @(posedge clk) begin
        if (fire) data <= {has_entry, last, row, entry[RUN +: WEIGHT], slice_data[LENGTH+ADDRESS +: ACT]};
        if (rst) begin
            full <= 1'b0;
            walked <= {LENGTH{1'b0}};
            next <= {ROW{1'b0}};
        end else begin
            if (work) full <= fire;
            if (fire) walked <= last ? {LENGTH{1'b0}} : then;
            if (fire) next <= last ? {ROW{1'b0}} : row + 1'b1;
        end
    end
endmodule
