// f2f_fields: a buffer of short fields, several written and several taken in one cycle.
//
// Parameters
//   WIDTH    bits of a field
//   DEPTH    fields that it holds
//   WRITE    fields of a put at most; in_count says how many
//   READ     fields that can be seen and taken in one cycle
//   COUNT    bits of a count 0 .. DEPTH + WRITE
//   LOG_B    log2 of its banks: as many as WRITE or READ, a power of two
//   ROWS     fields of a bank, ceil(DEPTH / banks)
//   ROW      bits of the number of a row
//   LATENCY  cycles from a put until its fields are visible; late_data is what was put LATENCY - 1
//            cycles before, as in f2f_pipe
//
// `take` fields are taken when `fire` is high. A put is accepted when all its fields find room,
// places taken in the same cycle included. under_way[i]: a put i cycles before has fields.
// Fields lie one after another in the banks, round and round: a rotation turns a put towards its
// banks, another one turns the window back. Only counts and pointers wait for `take`.
module f2f_fields #(
    parameter WIDTH = 4,
    parameter DEPTH = 8,
    parameter WRITE = 2,
    parameter READ = 2,
    parameter COUNT = 4,
    parameter LOG_B = 1,
    parameter ROWS = 4,
    parameter ROW = 2,
    parameter LATENCY = 1
) (
    input  wire                   clk,
    input  wire                   rst,
    input  wire                   in_valid,
    output wire                   in_ready,
    input  wire [COUNT-1:0]       in_count,
    input  wire [WRITE*WIDTH-1:0] late_data,
    output wire [COUNT-1:0]       visible,
    output wire [READ*WIDTH-1:0]  window,
    input  wire [COUNT-1:0]       take,
    input  wire                   fire,
    output wire [LATENCY-1:0]     under_way
);
    localparam BANKS = 1 << LOG_B;
    localparam POINT = ROW + LOG_B;
    localparam [COUNT-1:0] ROOM = DEPTH;
    localparam [31:0] SIZE = ROWS * BANKS;

    reg [COUNT-1:0] held;      // those under way included
    reg [COUNT-1:0] stored;
    reg [POINT-1:0] head, tail;

    // `fire` comes last: what would be with and without it is ready by then.
    // Room before the take is known; the take is compared with what is missing.
    wire [COUNT:0] wanted = {1'b0, held} + {1'b0, in_count};
    wire fits = (wanted <= {1'b0, ROOM});
    wire [COUNT:0] missing = wanted - {1'b0, ROOM};
    wire fits_then = fits | ({1'b0, take} >= missing);
    wire put_then = in_valid & fits_then;
    wire put_else = in_valid & fits;
    wire put = fire ? put_then : put_else;
    assign in_ready = fire ? fits_then : fits;
    // Both differences are there before it is known whether the put finds room.
    wire [COUNT-1:0] wanted_less = wanted[COUNT-1:0] - take;
    wire [COUNT-1:0] held_less = held - take;
    wire [COUNT-1:0] held_then = put_then ? wanted_less : held_less;
    wire [COUNT-1:0] held_else = put_else ? wanted[COUNT-1:0] : held;
    assign visible = stored;

    wire [LATENCY*COUNT-1:0] counts;
    assign under_way[0] = put;
    assign counts[COUNT-1:0] = in_count;
    genvar i, l;
    generate
        for (i = 1; i < LATENCY; i = i + 1) begin : stage
            reg valid;
            reg [COUNT-1:0] count;
            always @(posedge clk) begin
                valid <= ~rst & under_way[i-1];
                count <= counts[(i-1)*COUNT +: COUNT];
            end
            assign under_way[i] = valid;
            assign counts[i*COUNT +: COUNT] = count;
        end
    endgenerate
    wire arrive = under_way[LATENCY-1];
    wire [COUNT-1:0] n_late = counts[(LATENCY-1)*COUNT +: COUNT];
    wire [COUNT-1:0] come = stored + n_late;
    wire arrive_then = (LATENCY == 1) ? put_then : arrive;
    wire arrive_else = (LATENCY == 1) ? put_else : arrive;
    wire [COUNT-1:0] come_less = come - take;
    wire [COUNT-1:0] stored_less = stored - take;
    wire [COUNT-1:0] stored_then = arrive_then ? come_less : stored_less;
    wire [COUNT-1:0] stored_else = arrive_else ? come : stored;
    wire [COUNT-1:0] arriving = arrive ? n_late : {COUNT{1'b0}};

    // A pointer moved on by a count, round and round.
    wire [31:0] tail_on = {{32-POINT{1'b0}}, tail} + {{32-COUNT{1'b0}}, arriving};
    wire [31:0] tail_over = tail_on - SIZE;
    wire [31:0] head_on = {{32-POINT{1'b0}}, head} + {{32-COUNT{1'b0}}, take};
    wire [31:0] head_over = head_on - SIZE;
    wire unused = &{1'b0, tail_on, tail_over, head_on, head_over, missing};
    always @(posedge clk) begin
        if (rst) begin
            held <= {COUNT{1'b0}};
            stored <= {COUNT{1'b0}};
            head <= {POINT{1'b0}};
            tail <= {POINT{1'b0}};
        end else begin
            held <= fire ? held_then : held_else;
            stored <= fire ? stored_then : stored_else;
            tail <= tail_over[31] ? tail_on[POINT-1:0] : tail_over[POINT-1:0];
            if (fire) head <= head_over[31] ? head_on[POINT-1:0] : head_over[POINT-1:0];
        end
    end

    wire [BANKS*WIDTH-1:0] turned, ahead, back;
    wire [BANKS-1:0] written;          // lanes of the put, then banks
    wire [BANKS-1:0] to_bank;
    wire [ROW-1:0] head_row, tail_row;
    wire [LOG_B-1:0] head_bank, tail_bank;
    assign {head_row, head_bank} = head;
    assign {tail_row, tail_bank} = tail;
    wire [BANKS*WIDTH-1:0] lanes;
    generate
        for (i = 0; i < BANKS; i = i + 1) begin : lane
            localparam [COUNT-1:0] INDEX = i;
            if (i < WRITE) begin : used
                assign written[i] = (INDEX < n_late);
                assign lanes[i*WIDTH +: WIDTH] = late_data[i*WIDTH +: WIDTH];
            end else begin : padding
                assign written[i] = 1'b0;
                assign lanes[i*WIDTH +: WIDTH] = {WIDTH{1'b0}};
            end
        end
    endgenerate
    f2f_rotate #(.WIDTH(WIDTH), .LOG_N(LOG_B), .UP(1)) turn (
        .in_data(lanes), .by(tail_bank), .out_data(turned)
    );
    f2f_rotate #(.WIDTH(1), .LOG_N(LOG_B), .UP(1)) turn_flags (
        .in_data(written), .by(tail_bank), .out_data(to_bank)
    );
    f2f_rotate #(.WIDTH(WIDTH), .LOG_N(LOG_B), .UP(0)) turn_back (
        .in_data(ahead), .by(head_bank), .out_data(back)
    );
    assign window = back[READ*WIDTH-1:0];
    wire [31:0] next_head = {{32-ROW{1'b0}}, head_row} + 32'd1;
    wire [31:0] next_tail = {{32-ROW{1'b0}}, tail_row} + 32'd1;
    wire [ROW-1:0] row_after_head = (next_head == ROWS) ? {ROW{1'b0}} : next_head[ROW-1:0];
    wire [ROW-1:0] row_after_tail = (next_tail == ROWS) ? {ROW{1'b0}} : next_tail[ROW-1:0];
    wire unused_rows = &{1'b0, next_head, next_tail};
    generate
        for (i = 0; i < BANKS; i = i + 1) begin : bank
            localparam [LOG_B-1:0] NUMBER = i;
            wire behind_tail = ({1'b0, NUMBER} < {1'b0, tail_bank});
            wire behind_head = ({1'b0, NUMBER} < {1'b0, head_bank});
            wire [ROW-1:0] write_row = behind_tail ? row_after_tail : tail_row;
            wire [ROW-1:0] read_row = behind_head ? row_after_head : head_row;
            wire [ROWS*WIDTH-1:0] words;
            for (l = 0; l < ROWS; l = l + 1) begin : row
                localparam [ROW-1:0] HERE = l;
                reg [WIDTH-1:0] word;
                always @(posedge clk)
                    if (arrive & to_bank[i] & (write_row == HERE)) word <= turned[i*WIDTH +: WIDTH];
                assign words[l*WIDTH +: WIDTH] = word;
            end
            f2f_select #(.SPAN(ROWS), .WIDTH(WIDTH), .SEL(ROW)) choose (
                .words(words), .sel(read_row), .word(ahead[i*WIDTH +: WIDTH])
            );
        end
    endgenerate
    wire unused_back = &{1'b0, back};
endmodule
