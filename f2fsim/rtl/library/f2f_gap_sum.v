// f2f_gap_sum: fields of the patch stream to places among the care bits of the layer.
//
// Parameters
//   RATE   fields of a put
//   WIDE   bits of a field, class included
//   LONG   bits of a field's length
//   GAP    bits of a gap
//   W      bits of a place: places count modulo 2^W
//   N      bits of a number of fields 0 .. RATE
//
// A field's bits behind the class, with the class's offset, are the care bits that are passed over.
// The greatest gap is the escape, which no patch follows. Places are running sums: `key` is the
// care bit of a patch, and the first care bit that an escape passes over. Four stages: fields to
// bits and offsets, to gaps, sums of the put, places; a put in the last of them says `arrive`.
// late_data, four cycles after the put: RATE x {a patch, key}.
module f2f_gap_sum #(
    parameter RATE = 1,
    parameter WIDE = 20,
    parameter LONG = 5,
    parameter GAP = 20,
    parameter W = 26,
    parameter N = 2
) (
    input  wire                  clk,
    input  wire                  rst,
    input  wire [4*LONG-1:0]     lengths,
    input  wire [3*GAP-1:0]      offsets,   // of classes 1 to 3
    input  wire [N-1:0]          in_count,
    input  wire [RATE*WIDE-1:0]  in_data,
    input  wire                  arrive,
    output reg  [RATE*(1+W)-1:0] late_data
);
    wire [4*GAP-1:0] all_offsets = {offsets, {GAP{1'b0}}};
    reg [RATE*(WIDE-2)-1:0] bits_1;
    reg [RATE*GAP-1:0] offset_1;
    reg [RATE-1:0] here_1, patch_1, patch_2, patch_3;
    reg [RATE*GAP-1:0] gap_2;           // of patches; zero for escapes
    reg [RATE*(GAP+1)-1:0] passed_2;    // care bits passed, the patch included
    wire [RATE*W-1:0] wide_2, sums_2;
    reg [RATE*W-1:0] key_3;             // counted from the put's first care bit
    reg [W-1:0] all_3, place;
    f2f_prefix #(.N(RATE), .W(W)) prefix (.numbers(wide_2), .sums(sums_2));
    genvar j, s;
    generate
        for (j = 0; j < RATE; j = j + 1) begin : lane
            localparam [N-1:0] INDEX = j;
            wire [1:0] class = in_data[j*WIDE +: 2];
            wire [LONG-1:0] length;
            wire [GAP-1:0] offset;
            f2f_select #(.SPAN(4), .WIDTH(LONG), .SEL(2)) of_length (
                .words(lengths), .sel(class), .word(length)
            );
            f2f_select #(.SPAN(4), .WIDTH(GAP), .SEL(2)) of_offset (
                .words(all_offsets), .sel(class), .word(offset)
            );
            // Bits 2 .. length - 1 of the field; the escape is all of them ones, in class 3.
            wire [WIDE-1:0] beyond;
            for (s = 0; s < WIDE; s = s + 1) begin : each_bit
                localparam [LONG-1:0] PLACE = s;
                assign beyond[s] = (length <= PLACE);
            end
            wire unused = &{1'b0, beyond[1:0]};
            wire [WIDE-3:0] field = in_data[j*WIDE+2 +: WIDE-2];
            wire escape = (&class) & (&(field | beyond[WIDE-1:2]));
            wire [GAP-1:0] bits = {{GAP-WIDE+2{1'b0}}, bits_1[j*(WIDE-2) +: WIDE-2]};
            wire [GAP-1:0] gap = bits + offset_1[j*GAP +: GAP];
            // The patch is the carry into the sum of both.
            wire [GAP+1:0] twice =
                {1'b0, bits, 1'b1} + {1'b0, offset_1[j*GAP +: GAP], patch_1[j]};
            wire unused_carry = &{1'b0, twice[0]};
            assign wide_2[j*W +: W] = {{W-GAP-1{1'b0}}, passed_2[j*(GAP+1) +: GAP+1]};
            wire [W-1:0] own = {{W-GAP{1'b0}}, gap_2[j*GAP +: GAP]};
            wire [W-1:0] from_first;
            if (j == 0) begin : first
                assign from_first = own;
            end else begin : behind
                assign from_first = sums_2[(j-1)*W +: W] + own;
            end
            always @(posedge clk) begin
                bits_1[j*(WIDE-2) +: WIDE-2] <= field & ~beyond[WIDE-1:2];
                offset_1[j*GAP +: GAP] <= offset;
                here_1[j] <= (INDEX < in_count);
                patch_1[j] <= ~escape;
                gap_2[j*GAP +: GAP] <= patch_1[j] ? gap : {GAP{1'b0}};
                passed_2[j*(GAP+1) +: GAP+1] <= here_1[j] ? twice[GAP+1:1] : {GAP+1{1'b0}};
                patch_2[j] <= patch_1[j];
                key_3[j*W +: W] <= from_first;
                patch_3[j] <= patch_2[j];
                late_data[j*(1+W) +: 1+W] <= {patch_3[j], place + key_3[j*W +: W]};
            end
        end
    endgenerate
    always @(posedge clk) begin
        all_3 <= sums_2[(RATE-1)*W +: W];
        if (rst) place <= {W{1'b0}};
        else if (arrive) place <= place + all_3;
    end
endmodule
