// f2f_gap_decoder: cuts the patch stream into gaps, RATE fields a cycle.
//
// Parameters
//   RATE   fields a cycle
//   WIDE   bits of the widest field, class included
//   GAP    bits of a gap
//   COUNT  bits of the bit buffer's counts
//   N      bits of a number of fields 0 .. RATE
//
// A field is a 2-bit class c and then base + c * step bits; with the class's offset they are the
// care bits that are passed over. The greatest gap is the escape, which no patch follows. A cycle
// waits until RATE fields are whole, or once the stream has ended takes those that are left.
// out_data: RATE x {a patch follows, gap}, out_count of them in use.
module f2f_gap_decoder #(
    parameter RATE = 1,
    parameter WIDE = 16,
    parameter GAP = 16,
    parameter COUNT = 7,
    parameter N = 2
) (
    input  wire                    clk,
    input  wire                    rst,
    input  wire [4:0]              base,
    input  wire [2:0]              step,
    input  wire [3*GAP-1:0]        offsets,   // of classes 1 to 3
    input  wire [GAP-1:0]          escape,
    input  wire                    ended,
    input  wire [COUNT-1:0]        visible,
    input  wire [RATE*WIDE-1:0]    window,
    output wire [COUNT-1:0]        take,
    output wire                    out_valid,
    input  wire                    out_ready,
    output wire [N-1:0]            out_count,
    output wire [RATE*(1+GAP)-1:0] out_data
);
    reg full;
    reg [N-1:0] held;
    reg [RATE*(1+GAP)-1:0] data;

    wire [RATE*(1+GAP)-1:0] made;
    wire [RATE-1:0] whole;
    wire [N-1:0] n_whole;
    genvar j;
    generate
        for (j = 0; j <= RATE; j = j + 1) begin : at
            wire [15:0] wide;
            wire [RATE*WIDE-1:0] rest;
            wire [N-1:0] number;
            wire [COUNT-1:0] taken;
        end
        wire unused = &{1'b0, at[RATE].rest, at[RATE].wide};
        assign at[0].rest = window;
        assign at[0].wide = 16'd0;
        assign at[0].number = {N{1'b0}};
        assign at[0].taken = {COUNT{1'b0}};
        for (j = 0; j < RATE; j = j + 1) begin : lane
            wire [1:0] class = at[j].rest[1:0];
            wire [4:0] width = base + ((class[0] ? {2'd0, step} : 5'd0) + (class[1] ? {1'd0, step, 1'd0} : 5'd0));
            wire [WIDE-1:0] field = at[j].rest[WIDE-1:0] >> 2;
            wire [WIDE-1:0] inside = field & ~({WIDE{1'b1}} << width);
            wire [GAP-1:0] offset = (class == 2'd0) ? {GAP{1'b0}}
                : (class == 2'd1) ? offsets[GAP-1:0]
                : (class == 2'd2) ? offsets[GAP +: GAP] : offsets[2*GAP +: GAP];
            wire [GAP-1:0] gap = inside[GAP-1:0] + offset;
            assign at[j+1].wide = at[j].wide + {11'd0, width} + 16'd2;
            assign at[j+1].rest = (at[j].rest >> width) >> 2;
            assign whole[j] = ({{32-COUNT{1'b0}}, visible} >= {16'd0, at[j+1].wide});
            assign at[j+1].number = at[j].number + {{N-1{1'b0}}, whole[j]};
            assign at[j+1].taken = whole[j] ? at[j+1].wide[COUNT-1:0] : at[j].taken;
            assign made[j*(1+GAP) +: 1+GAP] = {gap != escape, gap};
        end
    endgenerate
    assign n_whole = at[RATE].number;
    wire work = ~full | out_ready;
    wire fire = work & (whole[RATE-1] | (ended & whole[0]));
    assign take = fire ? at[RATE].taken : {COUNT{1'b0}};
    assign out_valid = full;
    assign out_count = held;
    assign out_data = data;
    always @(posedge clk) begin
        if (fire) data <= made;
        if (fire) held <= n_whole;
        if (rst) full <= 1'b0;
        else if (work) full <= fire;
    end
endmodule
