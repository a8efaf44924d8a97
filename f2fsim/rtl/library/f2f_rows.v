// f2f_rows: what one PE of an interleaved CSR stream has to take: lengths of its rows.
//
// Parameters
//   LENGTH   bits of a row's length
//   WAVE     bits of the number of a row among the PE's own
//   DEPTH    rows that wait
//   POINTER, HELD  bits of the queue's pointer and count
//
// Rows come one after another (put); empty ones are counted and not kept. `room_then` (`room_else`)
// is high if a row of this length can be put in a cycle that takes an entry (that does not). While `active` the PE has an entry in the round; `last` says that it
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
    output wire              room_then,
    output wire              room_else,
    input  wire              ended,
    output wire              known,
    output wire              active,
    output wire              last,
    output wire [WAVE-1:0]   wave,
    input  wire              take
);
    reg [LENGTH-1:0] left;    // entries of the row in work after those taken
    reg [WAVE-1:0] at, next;  // the row in work, the row that comes next
    reg [HELD-1:0] held;
    reg [POINTER-1:0] first, tail;
    reg [WAVE+LENGTH-1:0] queue [0:DEPTH-1];
    wire [WAVE+LENGTH-1:0] head = queue[first];
    wire queued = (held != {HELD{1'b0}});
    reg starts;               // nothing is left
    wire [LENGTH-1:0] of_row = starts ? head[LENGTH-1:0] : left;
    wire empty = (length == {LENGTH{1'b0}});
    assign room_else = ({{32-HELD{1'b0}}, held} != DEPTH) | empty;
    assign room_then = room_else | (starts & queued);
    assign active = ~starts | queued;
    assign known = active | ended;
    assign last = (of_row == {{LENGTH-1{1'b0}}, 1'b1});
    assign wave = starts ? head[LENGTH +: WAVE] : at;
    wire come = put & ~empty;
    wire go = take & starts & queued;
    wire first_last = ({{32-POINTER{1'b0}}, first} == DEPTH - 1);
    wire tail_last = ({{32-POINTER{1'b0}}, tail} == DEPTH - 1);
    always @(posedge clk) begin
        if (take & active) at <= wave;
        if (come) queue[tail] <= {next, length};
        if (rst) begin
            left <= {LENGTH{1'b0}};
            starts <= 1'b1;
            next <= {WAVE{1'b0}};
            held <= {HELD{1'b0}};
            first <= {POINTER{1'b0}};
            tail <= {POINTER{1'b0}};
        end else begin
            if (take & active) left <= of_row - 1'b1;
            if (take & active) starts <= last;
            if (put) next <= next + 1'b1;
            if (come & ~go) held <= held + 1'b1;
            if (~come & go) held <= held - 1'b1;
            if (come) tail <= tail_last ? {POINTER{1'b0}} : tail + 1'b1;
            if (go) first <= first_last ? {POINTER{1'b0}} : first + 1'b1;
        end
    end
endmodule
