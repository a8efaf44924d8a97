// f2f_gather: gathers of P PEs among B banks, a window of rounds at a time.
//
// Parameters
//   P        PEs
//   BANKS    banks, a power of two; a PE's entry lies in bank index mod BANKS
//   LOG_B    log2(BANKS)
//   WINDOW   rounds that are arbitrated together
//   SLOT     bits of a count 0 .. WINDOW
//   SLOTS    bits of a slot of both buffers 0 .. 2 WINDOW - 1
//   ADDRESS  bits of an address in a bank; an index has ADDRESS + LOG_B bits
//   PAYLOAD  bits that stay with an entry
//   ACT      bits of a word of a bank: all activation columns of one address
//   ROUNDS   bits of the number of rounds of the layer
//   SHARED   1: a word that a bank gives goes to every PE whose oldest entry wants it
//
// While a window is served the next one is loaded, a round a cycle. In every cycle each PE offers
// its oldest entry; each bank takes one, the first in PE order from a start that moves on by one
// a cycle (and begins at PE 0 in each window). The cycle in which grants are offered (out_valid)
// gives the banks their addresses; they answer in the next one.
// late_data, a cycle after the put: P x {granted, payload, word}; PEs that were not granted hold
// anything.
module f2f_gather #(
    parameter P = 4,
    parameter BANKS = 8,
    parameter LOG_B = 3,
    parameter WINDOW = 4,
    parameter SLOT = 3,
    parameter SLOTS = 3,
    parameter ADDRESS = 5,
    parameter PAYLOAD = 8,
    parameter ACT = 8,
    parameter ROUNDS = 16,
    parameter SHARED = 0
) (
    input  wire                                    clk,
    input  wire                                    rst,
    input  wire [ROUNDS-1:0]                       n_rounds,
    input  wire                                    in_valid,
    output wire                                    in_ready,
    input  wire [P*(1+PAYLOAD+ADDRESS+LOG_B)-1:0]  in_data,
    output wire [BANKS-1:0]                        bank_read,
    output wire [BANKS*ADDRESS-1:0]                bank_address,
    input  wire [BANKS*ACT-1:0]                    bank_data,
    output wire                                    out_valid,
    input  wire                                    out_ready,
    output wire [P*(1+PAYLOAD+ACT)-1:0]            late_data
);
    localparam ENTRY = PAYLOAD + ADDRESS + LOG_B;
    localparam [SLOT-1:0] LAST_SLOT = WINDOW - 1;

    // Loading: `loaded` says that the buffer `into` is complete and waits for the other to be free.
    reg into, loaded, fresh;
    reg [SLOT-1:0] slot;
    reg [ROUNDS-1:0] round;
    wire window_ready;
    wire start = ~loaded | window_ready;
    wire load = in_valid & start;
    wire now_into = into ^ loaded;
    wire complete = (slot == LAST_SLOT) | (round + 1'b1 == n_rounds);
    assign in_ready = start;
    always @(posedge clk) begin
        if (rst) begin
            into <= 1'b0;
            loaded <= 1'b0;
            fresh <= 1'b1;
            slot <= {SLOT{1'b0}};
            round <= {ROUNDS{1'b0}};
        end else begin
            if (start) loaded <= load & complete;
            if (loaded & start) into <= ~into;
            if (load) begin
                fresh <= complete;
                slot <= complete ? {SLOT{1'b0}} : slot + 1'b1;
                round <= round + 1'b1;
            end
        end
    end

    // A complete window stays at the head of this channel until its last cycle.
    wire window_valid, from, last;
    wire work, fire;
    f2f_channel #(.WIDTH(1), .DEPTH(1), .LATENCY(1), .POINTER(1), .COUNT(1)) windows (
        .clk(clk), .rst(rst),
        .in_valid(loaded), .in_ready(window_ready), .in_data(into),
        .out_valid(window_valid), .out_ready(work & last), .out_data(from)
    );
    reg full;
    reg next_from;           // the window that is or will be in service
    reg [P-1:0] upper;       // PEs from the one whose turn it is on
    assign work = ~full | out_ready;
    assign fire = work & window_valid;
    assign out_valid = full;
    wire last_turn = ~upper[P-2];
    always @(posedge clk) begin
        if (rst) begin
            full <= 1'b0;
            next_from <= 1'b0;
            upper <= {P{1'b1}};
        end else begin
            if (work) full <= fire;
            if (fire & last) next_from <= ~next_from;
            if (fire) upper <= (last | last_turn) ? {P{1'b1}} : {upper[P-2:0], 1'b0};
        end
    end
    wire unused_from = &{1'b0, from};

    wire [P-1:0] offer, more, grant;
    wire [P*LOG_B-1:0] bank_of;
    wire [P*ADDRESS-1:0] address_of;
    wire blocked;
    assign last = ~blocked & ~(|(offer & more));
    f2f_gather_grant #(.P(P), .LOG_B(LOG_B), .ADDRESS(ADDRESS), .SHARED(SHARED)) arbiter (
        .upper(upper), .offer(offer), .bank(bank_of), .address(address_of), .grant(grant),
        .blocked(blocked)
    );
    wire [P-1:0] granted;
    wire [P*LOG_B-1:0] asked;
    wire [P*ADDRESS-1:0] asked_address;
    f2f_gather_read #(.P(P), .BANKS(BANKS), .LOG_B(LOG_B), .ADDRESS(ADDRESS)) reads (
        .granted(granted), .bank(asked), .address(asked_address),
        .bank_read(bank_read), .bank_address(bank_address)
    );
    genvar p;
    generate
        for (p = 0; p < P; p = p + 1) begin : pe
            wire [LOG_B-1:0] late_bank;
            wire [PAYLOAD:0] late_payload;
            wire [ACT-1:0] word;
            f2f_gather_queue #(
                .WINDOW(WINDOW), .SLOT(SLOT), .SLOTS(SLOTS), .LOG_B(LOG_B), .ADDRESS(ADDRESS),
                .PAYLOAD(PAYLOAD)
            ) queue (
                .clk(clk), .rst(rst),
                .load(load), .fresh(fresh), .into(now_into), .slot(slot),
                .holds(in_data[p*(1+ENTRY)+ENTRY]), .entry(in_data[p*(1+ENTRY) +: ENTRY]),
                .served(window_valid), .from(next_from), .fire(fire), .last(last),
                .grant(grant[p]), .offer(offer[p]), .more(more[p]),
                .bank(bank_of[p*LOG_B +: LOG_B]), .address(address_of[p*ADDRESS +: ADDRESS]),
                .granted(granted[p]),
                .asked(asked[p*LOG_B +: LOG_B]),
                .asked_address(asked_address[p*ADDRESS +: ADDRESS]),
                .late_bank(late_bank), .late_payload(late_payload)
            );
            f2f_select #(.SPAN(BANKS), .WIDTH(ACT), .SEL(LOG_B)) answer (
                .words(bank_data), .sel(late_bank), .word(word)
            );
            assign late_data[p*(1+PAYLOAD+ACT) +: 1+PAYLOAD+ACT] = {late_payload, word};
        end
    endgenerate
endmodule
