// f2f_gap_cut: cuts the patch stream into fields, RATE a cycle.
//
// Parameters
//   RATE   fields a cycle
//   WIDE   bits of the widest field, class included
//   LONG   bits of a field's length
//   COUNT  bits of the bit buffer's counts
//   N      bits of a number of fields 0 .. RATE
//
// A field is a 2-bit class and then more bits, lengths[class] in all. A cycle waits until RATE
// fields are whole, or once the stream has ended takes those that are left. `take` is right when
// `fire` is high; what has no bits left is zero. Each field's length is chosen among the sums of
// all four classes, so that only choices follow one another.
// out_data: RATE x {field without its class, class}, out_count of them in use.
module f2f_gap_cut #(
    parameter RATE = 1,
    parameter WIDE = 20,
    parameter LONG = 5,
    parameter COUNT = 7,
    parameter N = 2
) (
    input  wire                   clk,
    input  wire                   rst,
    input  wire [4*LONG-1:0]      lengths,
    input  wire                   ended,
    input  wire [COUNT-1:0]       visible,
    input  wire [RATE*WIDE-1:0]   window,
    output wire [COUNT-1:0]       take,
    output wire                   fire,
    output wire                   out_valid,
    input  wire                   out_ready,
    output wire [N-1:0]           out_count,
    output wire [RATE*WIDE-1:0]   out_data
);
    reg full;
    reg [N-1:0] held;
    reg [RATE*WIDE-1:0] data;
    wire [RATE*WIDE-1:0] made;
    wire [RATE-1:0] whole;
    genvar j, c;
    generate
        for (j = 0; j <= RATE; j = j + 1) begin : at
            wire [RATE*WIDE-1:0] rest;
            wire [COUNT-1:0] passed;
        end
        wire unused = &{1'b0, at[RATE].rest};
        assign at[0].rest = window;
        assign at[0].passed = {COUNT{1'b0}};
        for (j = 0; j < RATE; j = j + 1) begin : lane
            wire [1:0] class = at[j].rest[1:0];
            wire [LONG-1:0] length;
            wire [4*COUNT-1:0] sums;
            wire [3:0] enough;
            for (c = 0; c < 4; c = c + 1) begin : each
                assign sums[c*COUNT +: COUNT] =
                    at[j].passed + {{COUNT-LONG{1'b0}}, lengths[c*LONG +: LONG]};
                assign enough[c] = (visible >= sums[c*COUNT +: COUNT]);
            end
            f2f_select #(.SPAN(4), .WIDTH(LONG), .SEL(2)) of_length (
                .words(lengths), .sel(class), .word(length)
            );
            f2f_select #(.SPAN(4), .WIDTH(COUNT), .SEL(2)) of_sum (
                .words(sums), .sel(class), .word(at[j+1].passed)
            );
            f2f_select #(.SPAN(4), .WIDTH(1), .SEL(2)) of_whole (
                .words(enough), .sel(class), .word(whole[j])
            );
            assign at[j+1].rest = at[j].rest >> length;
            assign made[j*WIDE +: WIDE] = {at[j].rest[WIDE-1:2], class};
        end
    endgenerate
    integer i;
    reg [N-1:0] n_whole;
    always @* begin
        n_whole = {N{1'b0}};
        for (i = 0; i < RATE; i = i + 1) n_whole = n_whole + {{N-1{1'b0}}, whole[i]};
    end
    wire all = whole[RATE-1];
    wire work = ~full | out_ready;
    assign fire = work & (all | (ended & whole[0]));
    assign take = all ? at[RATE].passed : visible;
    assign out_valid = full;
    assign out_count = held;
    assign out_data = data;
    always @(posedge clk) begin
        if (work) data <= made;
        if (work) held <= n_whole;
        if (rst) full <= 1'b0;
        else if (work) full <= fire;
    end
endmodule
