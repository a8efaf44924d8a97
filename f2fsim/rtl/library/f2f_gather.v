// f2f_gather: gathers of P PEs among B banks, a window of rounds at a time.
//
// Parameters
//   P        PEs
//   TURN     bits of a PE's number
//   BANKS    banks, a power of two; a PE's entry lies in bank index mod BANKS
//   LOG_B    log2(BANKS)
//   WINDOW   rounds that are arbitrated together
//   SLOT     bits of a count 0 .. WINDOW
//   SLOTS    bits of a slot of both buffers 0 .. 2 WINDOW - 1
//   ADDRESS  bits of an address in a bank; an index has ADDRESS + LOG_B bits
//   PAYLOAD  bits that stay with an entry
//   ACT      bits of a word of a bank: all activation columns of one address
//   ROUNDS   bits of the number of rounds of the layer
//
// While a window is served the next one is loaded, a round a cycle. In every cycle each PE offers
// its oldest entry; each bank takes one, the first in PE order from a start that moves on by one
// a cycle (and begins at PE 0 in each window). Banks answer in the next cycle and hold their words
// while bank_read is low. out_data: P x {granted, payload, word}; PEs that were not granted hold
// anything.
module f2f_gather #(
    parameter P = 4,
    parameter TURN = 2,
    parameter BANKS = 8,
    parameter LOG_B = 3,
    parameter WINDOW = 4,
    parameter SLOT = 3,
    parameter SLOTS = 3,
    parameter ADDRESS = 5,
    parameter PAYLOAD = 8,
    parameter ACT = 8,
    parameter ROUNDS = 16
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
    output wire [P*(1+PAYLOAD+ACT)-1:0]            out_data
);
    localparam ENTRY = PAYLOAD + ADDRESS + LOG_B;
    localparam [SLOT-1:0] LAST_SLOT = WINDOW - 1;
    localparam [SLOTS-1:0] SECOND = WINDOW;
    localparam [SLOTS-1:0] FIRST = 0;

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
    reg [TURN-1:0] turn;
    wire last_turn = ({{32-TURN{1'b0}}, turn} == P - 1);
    assign work = ~full | out_ready;
    assign fire = work & window_valid;
    assign out_valid = full;
    always @(posedge clk) begin
        if (rst) begin
            full <= 1'b0;
            turn <= {TURN{1'b0}};
        end else begin
            if (work) full <= fire;
            if (fire) turn <= (last | last_turn) ? {TURN{1'b0}} : turn + 1'b1;
        end
    end

    wire [P-1:0] offer, grant, done, upper;
    wire [P*ENTRY-1:0] oldest;
    assign last = &done;
    genvar p, q, b;
    generate
        for (p = 0; p < P; p = p + 1) begin : pe
            // Entries of both windows, those in the buffer being loaded and being served.
            reg [ENTRY-1:0] store [0:2*WINDOW-1];
            reg [SLOT-1:0] tail_0, tail_1, head;
            wire [SLOTS-1:0] write_at = (now_into ? SECOND : FIRST) + slot[SLOT-2:0];
            wire [SLOTS-1:0] read_at = (from ? SECOND : FIRST) + head[SLOT-2:0];
            wire holds = in_data[p*(1+ENTRY)+ENTRY];
            wire [SLOT-1:0] tail = from ? tail_1 : tail_0;
            wire [SLOT-1:0] after = head + {{SLOT-1{1'b0}}, grant[p]};
            assign offer[p] = window_valid & (head != tail);
            assign done[p] = (after == tail);
            assign oldest[p*ENTRY +: ENTRY] = store[read_at];
            always @(posedge clk) begin
                if (load) store[write_at] <= in_data[p*(1+ENTRY) +: ENTRY];
                if (load & ~now_into)
                    tail_0 <= (fresh ? {SLOT{1'b0}} : tail_0) + {{SLOT-1{1'b0}}, holds};
                if (load & now_into)
                    tail_1 <= (fresh ? {SLOT{1'b0}} : tail_1) + {{SLOT-1{1'b0}}, holds};
                if (rst) head <= {SLOT{1'b0}};
                else if (fire) head <= last ? {SLOT{1'b0}} : after;
            end

            // Granted unless a PE earlier in this cycle's order offers an entry of the same bank.
            localparam [TURN-1:0] NUMBER = p;
            wire [LOG_B-1:0] bank = oldest[p*ENTRY +: LOG_B];
            wire [P-1:0] blocked;
            if (p == P - 1) begin : top
                assign upper[p] = 1'b1;
            end else begin : lower
                assign upper[p] = (NUMBER >= turn);
            end
            for (q = 0; q < P; q = q + 1) begin : other
                if (q < p) begin : before
                    assign blocked[q] = offer[q] & (oldest[q*ENTRY +: LOG_B] == bank)
                        & (upper[q] | ~upper[p]);
                end else if (q > p) begin : behind
                    assign blocked[q] = offer[q] & (oldest[q*ENTRY +: LOG_B] == bank)
                        & upper[q] & ~upper[p];
                end else begin : own
                    assign blocked[q] = 1'b0;
                end
            end
            assign grant[p] = offer[p] & ~(|blocked);

            // The answer comes a cycle later.
            reg granted;
            reg [PAYLOAD-1:0] kept;
            reg [LOG_B-1:0] asked;
            wire [ACT-1:0] word;
            always @(posedge clk) begin
                if (fire) begin
                    granted <= grant[p];
                    kept <= oldest[p*ENTRY+LOG_B+ADDRESS +: PAYLOAD];
                    asked <= bank;
                end
            end
            f2f_select #(.SPAN(BANKS), .WIDTH(ACT), .SEL(LOG_B)) answer (
                .words(bank_data), .sel(asked), .word(word)
            );
            assign out_data[p*(1+PAYLOAD+ACT) +: 1+PAYLOAD+ACT] = {granted, kept, word};
        end
        for (b = 0; b < BANKS; b = b + 1) begin : bank
            localparam [LOG_B-1:0] NUMBER = b;
            wire [P-1:0] chosen;
            wire [ADDRESS-1:0] merged [0:P];
            assign merged[0] = {ADDRESS{1'b0}};
            for (p = 0; p < P; p = p + 1) begin : from_pe
                assign chosen[p] = grant[p] & (oldest[p*ENTRY +: LOG_B] == NUMBER);
                assign merged[p+1] = merged[p]
                    | ({ADDRESS{chosen[p]}} & oldest[p*ENTRY+LOG_B +: ADDRESS]);
            end
            assign bank_read[b] = fire & (|chosen);
            assign bank_address[b*ADDRESS +: ADDRESS] = merged[P];
        end
    endgenerate
endmodule
