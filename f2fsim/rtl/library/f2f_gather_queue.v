// f2f_gather_queue: the entries of one PE in two windows, one being loaded and one being served.
//
// Parameters
//   WINDOW   entries of a window
//   SLOT     bits of a count 0 .. WINDOW
//   SLOTS    bits of a slot of both windows 0 .. 2 WINDOW - 1
//   LOG_B, ADDRESS, PAYLOAD  bits of an entry's bank, address in it, and what stays with it
//
// An entry is {payload, address, bank}. The oldest entry of the window `from` is offered; when it
// is granted, its payload and bank are held for the bank's answer in the next cycle.
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
    input  wire                               from,
    input  wire                               fire,
    input  wire                               last,
    input  wire                               grant,
    output wire                               offer,
    output wire                               done,
    output wire [LOG_B-1:0]                   bank,
    output wire [ADDRESS-1:0]                 address,
    output reg                                granted,
    output reg  [PAYLOAD-1:0]                 payload,
    output reg  [LOG_B-1:0]                   asked
);
    localparam ENTRY = PAYLOAD + ADDRESS + LOG_B;
    reg [ENTRY-1:0] store [0:2*WINDOW-1];
    reg [SLOT-1:0] tail_0, tail_1, head;
    wire [31:0] write_at = (into ? WINDOW : 0) + {{32-SLOT{1'b0}}, slot};
    wire [31:0] read_at = (from ? WINDOW : 0) + {{32-SLOT{1'b0}}, head};
    wire [SLOT-1:0] tail = from ? tail_1 : tail_0;
    wire [SLOT-1:0] after = head + {{SLOT-1{1'b0}}, grant};
    wire [ENTRY-1:0] oldest = store[read_at[SLOTS-1:0]];
    wire unused = &{1'b0, write_at, read_at};
    assign offer = served & (head != tail);
    assign done = (after == tail);
    assign bank = oldest[LOG_B-1:0];
    assign address = oldest[LOG_B +: ADDRESS];
    always @(posedge clk) begin
        if (load) store[write_at[SLOTS-1:0]] <= entry;
        if (load & ~into) tail_0 <= (fresh ? {SLOT{1'b0}} : tail_0) + {{SLOT-1{1'b0}}, holds};
        if (load & into) tail_1 <= (fresh ? {SLOT{1'b0}} : tail_1) + {{SLOT-1{1'b0}}, holds};
        if (rst) head <= {SLOT{1'b0}};
        else if (fire) head <= last ? {SLOT{1'b0}} : after;
        if (fire) begin
            granted <= grant;
            payload <= oldest[LOG_B+ADDRESS +: PAYLOAD];
            asked <= oldest[LOG_B-1:0];
        end
    end
endmodule
