// f2f_gather_queue: the entries of one PE in two windows, one being loaded and one being served.
//
// Parameters
//   WINDOW   entries of a window
//   SLOT     bits of a count 0 .. WINDOW
//   SLOTS    bits of a slot of both windows 0 .. 2 WINDOW - 1
//   LOG_B, ADDRESS, PAYLOAD  bits of an entry's bank, address in it, and what stays with it
//
// An entry is {payload, address, bank}. The oldest entry of the window `from` lies in a register
// and is offered; once it is granted the next one takes its place, behind the last one the first
// of the other window. What was granted is held: its bank and address for the read, a cycle later
// its bank and payload for the bank's answer.
module f2f_gather_queue #(
    parameter WINDOW = 4,
    parameter SLOT = 3,
    parameter SLOTS = 3,
    parameter LOG_B = 3,
    parameter ADDRESS = 5,
    parameter PAYLOAD = 8
) (
    input  wire                               clk,
    input  wire                               rst,
    input  wire                               load,
    input  wire                               fresh,   // first round of a window
    input  wire                               into,
    input  wire [SLOT-1:0]                    slot,
    input  wire                               holds,   // there is an entry for this PE
    input  wire [PAYLOAD+ADDRESS+LOG_B-1:0]   entry,
    input  wire                               served,
    input  wire                               from,    // the window in service, else the next one
    input  wire                               fire,
    input  wire                               last,
    input  wire                               grant,
    output wire                               offer,
    output wire                               more,    // it has entries behind the one it offers
    output wire [LOG_B-1:0]                   bank,
    output wire [ADDRESS-1:0]                 address,
    output reg                                granted,
    output wire [LOG_B-1:0]                   asked,
    output wire [ADDRESS-1:0]                 asked_address,
    output reg  [LOG_B-1:0]                   late_bank,
    output reg  [PAYLOAD:0]                   late_payload
);
    localparam ENTRY = PAYLOAD + ADDRESS + LOG_B;
    reg [ENTRY-1:0] store [0:2*WINDOW-1];
    reg [SLOT-1:0] tail_0, tail_1;
    reg [SLOT-1:0] next;      // entries of the window up to the one in front
    reg there;                // an entry of the window is in front
    reg [ENTRY-1:0] front, held;
    wire ahead = from ^ served;                       // the window that comes next
    wire [SLOT-1:0] tail = from ? tail_1 : tail_0;
    wire [SLOT-1:0] tail_ahead = ahead ? tail_1 : tail_0;
    wire stays = there & served & more;
    wire [31:0] write_at = (into ? WINDOW : 0) + {{32-SLOT{1'b0}}, slot};
    wire [31:0] read_at = stays ? (from ? WINDOW : 0) + {{32-SLOT{1'b0}}, next} : ahead ? WINDOW : 0;
    wire unused = &{1'b0, write_at, read_at};
    assign more = (next != tail);
    assign offer = served & there;
    assign bank = front[LOG_B-1:0];
    assign address = front[LOG_B +: ADDRESS];
    assign asked = held[LOG_B-1:0];
    assign asked_address = held[LOG_B +: ADDRESS];
    always @(posedge clk) begin
        if (fire) granted <= grant;
        if (fire) held <= front;
        late_bank <= asked;
        late_payload <= {granted, held[LOG_B+ADDRESS +: PAYLOAD]};
        if (load) store[write_at[SLOTS-1:0]] <= entry;
        if (load & ~into) tail_0 <= (fresh ? {SLOT{1'b0}} : tail_0) + {{SLOT-1{1'b0}}, holds};
        if (load & into) tail_1 <= (fresh ? {SLOT{1'b0}} : tail_1) + {{SLOT-1{1'b0}}, holds};
        if (~offer | (fire & grant)) front <= store[read_at[SLOTS-1:0]];
        if (rst) begin
            there <= 1'b0;
            next <= {{SLOT-1{1'b0}}, 1'b1};
        end else if (~served | (fire & last)) begin
            there <= (tail_ahead != {SLOT{1'b0}});
            next <= {{SLOT-1{1'b0}}, 1'b1};
        end else if (fire & grant) begin
            there <= more;
            next <= next + 1'b1;
        end
    end
endmodule
