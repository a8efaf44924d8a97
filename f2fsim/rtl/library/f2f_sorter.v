// f2f_sorter: a bitonic sorter, N items in ascending order of their keys.
//
// Parameters
//   LOG_N    log2 of the number of items
//   KEY      bits of a key
//   PAYLOAD  bits that come along
//   PER      rows of comparators between two registers
//   STAGES   registers from the input to the output: ceil(LOG_N * (LOG_N + 1) / 2 / PER) - 1
//
// An item is {payload, key}. Runs of 2, 4 .. N items are merged: items that differ in bit `place`
// of their number are compared, ascending where bit `merge` of it is 0. Equal keys stay.
module f2f_sorter #(
    parameter LOG_N = 2,
    parameter KEY = 8,
    parameter PAYLOAD = 8,
    parameter PER = 2,
    parameter STAGES = 1
) (
    input  wire                              clk,
    input  wire [((KEY+PAYLOAD)<<LOG_N)-1:0] in_data,
    output wire [((KEY+PAYLOAD)<<LOG_N)-1:0] out_data
);
    localparam N = 1 << LOG_N;
    localparam ITEM = KEY + PAYLOAD;
    localparam ROWS = LOG_N * (LOG_N + 1) / 2;
    wire [N*ITEM-1:0] at [0:ROWS];
    assign at[0] = in_data;
    assign out_data = at[ROWS];
    genvar merge, place, i;
    generate
        for (merge = 1; merge <= LOG_N; merge = merge + 1) begin : run
            for (place = 0; place < merge; place = place + 1) begin : row
                localparam T = merge * (merge - 1) / 2 + merge - 1 - place;
                wire [N*ITEM-1:0] sorted;
                for (i = 0; i < N; i = i + 1) begin : pair
                    if (((i >> place) & 1) == 0) begin : compare
                        localparam J = i + (1 << place);
                        localparam DOWN = (i >> merge) & 1;
                        wire [ITEM-1:0] a = at[T][i*ITEM +: ITEM];
                        wire [ITEM-1:0] b = at[T][J*ITEM +: ITEM];
                        wire swap = (DOWN != 0) ? (a[KEY-1:0] < b[KEY-1:0]) : (b[KEY-1:0] < a[KEY-1:0]);
                        assign sorted[i*ITEM +: ITEM] = swap ? b : a;
                        assign sorted[J*ITEM +: ITEM] = swap ? a : b;
                    end
                end
                if (((T + 1) % PER == 0) && ((T + 1) / PER <= STAGES)) begin : cut
                    reg [N*ITEM-1:0] held;
                    always @(posedge clk) held <= sorted;
                    assign at[T+1] = held;
                end else begin : through
                    assign at[T+1] = sorted;
                end
            end
        end
    endgenerate
    wire unused = &{1'b0, clk};
endmodule
