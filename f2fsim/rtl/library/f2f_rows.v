// f2f_rows: what one PE of an interleaved CSR stream has to take: lengths of its rows.
//
// Parameters
//   LENGTH   bits of a row's length
//   WAVE     bits of the number of a row among the PE's own
//   DEPTH    rows that wait
//   POINTER, HELD  bits of the queue's pointer and count
//
// Rows come one after another (put); empty ones are counted and not kept. `room` is high if a row
// of this length can be put. While `active` the PE has an entry in the round; `last` says that it
// is its row's last, `wave` which row it is of. `take` moves on by an entry. `known` is low while
// a further row may come and none is there.
module f2f_rows #(
    parameter LENGTH = 8,
    parameter WAVE = 8,
    parameter DEPTH = 4,
    parameter POINTER = 2,
    parameter HELD = 3
) (
    input  wire              clk,
    input  wire              rst,
    input  wire              put,
    input  wire [LENGTH-1:0] length,
    output wire              room,
    input  wire              ended,
    output wire              known,
    output wire              active,
    output wire              last,
    output wire [WAVE-1:0]   wave,
    input  wire              take
);
    reg [LENGTH-1:0] left;    // entries of the row in work after those taken
    reg [WAVE-1:0] at, next;  // the row in work, the row that comes next
    wire waits, queued;
    wire [WAVE+LENGTH-1:0] head;
    wire starts = (left == {LENGTH{1'b0}});
    wire [LENGTH-1:0] of_row = starts ? head[LENGTH-1:0] : left;
    wire empty = (length == {LENGTH{1'b0}});
    assign room = waits | empty;
    assign active = ~starts | queued;
    assign known = active | ended;
    assign last = (of_row == {{LENGTH-1{1'b0}}, 1'b1});
    assign wave = starts ? head[LENGTH +: WAVE] : at;
    f2f_channel #(
        .WIDTH(WAVE+LENGTH), .DEPTH(DEPTH), .LATENCY(1), .POINTER(POINTER), .COUNT(HELD)
    ) queue (
        .clk(clk), .rst(rst),
        .in_valid(put & ~empty), .in_ready(waits), .in_data({next, length}),
        .out_valid(queued), .out_ready(take & starts), .out_data(head)
    );
    always @(posedge clk) begin
        if (take & active) at <= wave;
        if (rst) begin
            left <= {LENGTH{1'b0}};
            next <= {WAVE{1'b0}};
        end else begin
            if (take & active) left <= of_row - 1'b1;
            if (put) next <= next + 1'b1;
        end
    end
endmodule
