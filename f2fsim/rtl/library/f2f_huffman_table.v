// f2f_huffman_table: reads the table of a canonical Huffman code and loads it for all decoders.
//
// Parameters
//   LENGTH  bits of the longest codeword
//   SYMBOL  bits of a symbol
//   SINGLE  bits of a symbol in tables that are not `paired`
//   LONG    bits of a length 0 .. LENGTH
//   WORD    bits of a put at most; in_count says how many, those beyond are zero. WORD bits hold the
//           choice of any symbol
//   DEPTH   bits that it holds: 2 * SYMBOL + 2 * WORD
//   COUNT   bits of a count 0 .. DEPTH
//   LIMITS  LENGTH * (LENGTH + 3) / 2
//
// A table is the first and the last symbol, then for each of these and those between a choice in
// unary: ones, then a zero. An item is a group of choices, at most four and WORD bits of them; when
// all are read, an item is a symbol that goes to its place. Bits are visible a cycle after their
// put, their places free in the cycle after they were taken.
// Choices are cut by counting zeros, which is all that the next cut waits for; a cycle later they
// are lengths, then these are added to limits, offsets and first places (as f2f_huffman_decoder has
// them) of the half that is loaded, and the symbols wait with their lengths in four memories.
// begin_*: the first group wants a free half. write_*: a symbol; write_data, {half, place, what
// stands for the symbol}, follows a cycle after it is offered. `put_table` comes with the last one:
// a decoder reads a symbol no sooner than two cycles later.
module f2f_huffman_table #(
    parameter LENGTH = 12,
    parameter SYMBOL = 8,
    parameter SINGLE = 8,
    parameter LONG = 4,
    parameter WORD = 32,
    parameter DEPTH = 80,
    parameter COUNT = 7,
    parameter LIMITS = 90
) (
    input  wire                                clk,
    input  wire                                rst,
    input  wire                                paired,
    input  wire [SYMBOL-1:0]                   flip,
    input  wire                                in_valid,
    output wire                                in_ready,
    input  wire [COUNT-1:0]                    in_count,
    input  wire [WORD-1:0]                     in_data,
    output wire                                begin_valid,
    input  wire                                begin_ready,
    output wire                                write_valid,
    input  wire                                write_ready,
    output wire [2*SYMBOL:0]                   write_data,
    output wire                                put_table,
    output reg                                 half,
    output wire [2*(LIMITS+LENGTH*SYMBOL)-1:0] tables,
    // Memories of symbols with their lengths, one of four each; read data comes a cycle later.
    output wire [3:0]                          store,
    output wire [4*(SYMBOL-2)-1:0]             store_row,
    output wire [4*(SYMBOL+LONG)-1:0]          store_data,
    output wire [3:0]                          fetch,
    output wire [SYMBOL-3:0]                   fetch_row,
    input  wire [4*(SYMBOL+LONG)-1:0]          fetch_data
);
    localparam ITEM = SYMBOL + LONG;
    localparam LOG_W = 5;
    localparam [COUNT-1:0] ROOM = DEPTH;
    localparam [COUNT-1:0] WHOLE = WORD, WHOLE_HEAD = WORD + 2 * SYMBOL;
    localparam [LONG-1:0] START = (SYMBOL + 1) / 2, START_SINGLE = (SINGLE + 1) / 2;
    wire [LONG-1:0] start = paired ? START : START_SINGLE;

    // What goes on: groups of choices, then symbols; an item that waits for its put.
    reg counting, full, full_head, full_group;
    reg [SYMBOL:0] waiting;  // symbols with their lengths
    wire put_ok = full_group ? ~full_head | begin_ready : write_ready;
    wire put = full & put_ok;
    wire work = ~full | put_ok;

    // Bits, inverted, zero where there are none; how many of them.
    reg [DEPTH-1:0] zeros;
    reg [COUNT-1:0] stored;
    wire [COUNT:0] then = {1'b0, stored} + {1'b0, in_count};
    assign in_ready = (then <= {1'b0, ROOM});
    wire put_bits = in_valid & in_ready;
    wire [WORD-1:0] fresh = ~in_data & ~({WORD{1'b1}} << in_count) & {WORD{put_bits}};
    reg [DEPTH-1:0] come;
    integer s;
    always @* begin
        come = {{DEPTH-WORD{1'b0}}, fresh};
        for (s = 0; s < COUNT; s = s + 1) if (stored[s]) come = come << (1 << s);
        come = come | zeros;
    end

    // Choices that are left: at the head of a table of its own two numbers.
    reg [SYMBOL:0] listed;
    reg [2:0] cut;
    wire [SYMBOL-1:0] first, final;
    wire [SYMBOL:0] left = listed - {{SYMBOL-2{1'b0}}, cut};
    wire symbols = counting ? left == 0 : waiting != 0;
    wire head = ~counting;
    wire [SYMBOL:0] whole_list = {1'b0, final} - {1'b0, first} + 1'b1;
    wire [SYMBOL:0] list = head ? whole_list : left;
    wire [3:0] want;  // at least 1, 2, 3, 4
    assign want = {|list[SYMBOL:2], (|list[SYMBOL:2]) | (&list[1:0]), |list[SYMBOL:1], 1'b1};
    wire [DEPTH-1:0] rest, rest_paired, rest_single;
    assign rest_paired = come >> (2 * SYMBOL);
    assign rest_single = come >> (2 * SINGLE);
    assign rest = ~head ? come : paired ? rest_paired : rest_single;
    wire [WORD-1:0] window =
        ~head ? zeros[WORD-1:0] : paired ? zeros[2*SYMBOL +: WORD] : zeros[2*SINGLE +: WORD];
    generate
        if (SINGLE == SYMBOL) begin : one_width
            assign first = ~zeros[SYMBOL-1:0];
            assign final = ~zeros[SYMBOL +: SYMBOL];
        end else begin : two_widths
            localparam NONE = SYMBOL - SINGLE;
            assign first = paired ? ~zeros[SYMBOL-1:0] : {{NONE{1'b0}}, ~zeros[SINGLE-1:0]};
            assign final =
                paired ? ~zeros[SYMBOL +: SYMBOL] : {{NONE{1'b0}}, ~zeros[SINGLE +: SINGLE]};
        end
    endgenerate

    // Zeros up to each bit, four at most, bit m: more than m of them (Sklansky).
    wire [3:0] upto [0:(LOG_W+1)*WORD-1];
    wire [WORD-1:0] ends;             // the group's last bit
    wire [WORD:0] behind;             // a zero there or higher
    wire [4*WORD-1:0] hot;            // the m-th zero
    genvar i, j, m;
    assign behind[WORD] = 1'b0;
    generate
        for (j = 0; j < WORD; j = j + 1) begin : bit
            assign upto[j] = {3'd0, window[j]};
            for (i = 0; i < LOG_W; i = i + 1) begin : step
                if ((j >> i) % 2 == 1) begin : joined
                    wire [3:0] a = upto[i*WORD + ((j >> i) << i) - 1];
                    wire [3:0] b = upto[i*WORD + j];
                    assign upto[(i+1)*WORD+j] = {
                        a[3] | (a[2] & b[0]) | (a[1] & b[1]) | (a[0] & b[2]) | b[3],
                        a[2] | (a[1] & b[0]) | (a[0] & b[1]) | b[2],
                        a[1] | (a[0] & b[0]) | b[1],
                        a[0] | b[0]
                    };
                end else begin : alone
                    assign upto[(i+1)*WORD+j] = upto[i*WORD+j];
                end
            end
            wire [3:0] before;
            if (j == 0) begin : none
                assign before = 4'd0;
            end else begin : some
                assign before = upto[LOG_W*WORD+j-1];
            end
            // As many as are wanted, and one less.
            wire all = |(before & {want[3], want[2] & ~want[3], want[1] & ~want[2], ~want[1]});
            wire less =
                ~want[1] | (|(before[2:0] & {want[3], want[2] & ~want[3], want[1] & ~want[2]}));
            assign behind[j] = behind[j+1] | window[j];
            assign ends[j] = window[j] & ~all & (less | ~behind[j+1]);
            for (m = 0; m < 4; m = m + 1) begin : zero
                if (m == 0) begin : lowest
                    assign hot[m*WORD+j] = window[j] & ~before[0];
                end else begin : above
                    assign hot[m*WORD+j] = window[j] & before[m-1] & ~before[m];
                end
            end
        end
    endgenerate
    wire unused_behind = behind[0];
    wire [3:0] found = upto[LOG_W*WORD+WORD-1] & want;
    wire enough = (found == want) | (stored >= (head ? WHOLE_HEAD : WHOLE));
    wire group = work & ~symbols & enough & (|found);
    wire pop = work & symbols;

    // What stays, made for every end of the group beside the search for it; where each zero stands.
    wire [COUNT-1:0] now = put_bits ? then[COUNT-1:0] : stored;
    wire [COUNT-1:0] skipped = ~head ? {COUNT{1'b0}} : paired ? 2 * SYMBOL : 2 * SINGLE;
    wire [COUNT-1:0] here = now - skipped - 1'b1;
    reg [DEPTH-1:0] after;
    reg [COUNT-1:0] remain;
    reg [4*LOG_W-1:0] zero_at;
    integer k, n;
    always @* begin
        after = {DEPTH{1'b0}};
        remain = {COUNT{1'b0}};
        zero_at = {4*LOG_W{1'b0}};
        for (k = 0; k < WORD; k = k + 1) begin
            after = after | ({DEPTH{ends[k]}} & (rest >> (k + 1)));
            remain = remain | ({COUNT{ends[k]}} & (here - k[COUNT-1:0]));
            for (n = 0; n < 4; n = n + 1)
                zero_at[n*LOG_W +: LOG_W] =
                    zero_at[n*LOG_W +: LOG_W] | ({LOG_W{hot[n*WORD+k]}} & k[LOG_W-1:0]);
        end
    end
    wire [2:0] n_found = {found[3], found[1] & ~found[3], (found[0] & ~found[1]) | (found[2] & ~found[3])};

    reg [4*LOG_W-1:0] places;
    reg [3:0] valid;
    reg [SYMBOL-1:0] number;
    reg [2:0] n_lanes;
    wire [1:0] n_used;
    wire [2:0] add_used;
    always @(posedge clk) begin
        if (rst) begin
            counting <= 1'b0;
            full <= 1'b0;
            waiting <= 0;
            zeros <= {DEPTH{1'b0}};
            stored <= {COUNT{1'b0}};
        end else begin
            if (work) full <= group | pop;
            if (group) counting <= 1'b1;
            else if (pop) counting <= 1'b0;
            waiting <= waiting + {{SYMBOL-2{1'b0}}, add_used} - {{SYMBOL{1'b0}}, pop};
            zeros <= group ? after : come;
            stored <= group ? remain : now;
        end
        listed <= list;
        cut <= group ? n_found : 3'd0;
        if (work) begin
            full_group <= group;
            full_head <= head;
            places <= zero_at;
            valid <= found;
        end
        if (group) begin
            number <= head ? first : number + {{SYMBOL-3{1'b0}}, n_lanes};
            n_lanes <= n_found;
        end
    end
    assign begin_valid = full & full_group & full_head;
    assign write_valid = full & ~full_group;
    assign put_table = put & ~full_group & (waiting == 0);

    // Choices to lengths.
    reg [LONG-1:0] length_before;
    wire [3:0] used;
    wire [4*LONG-1:0] steps, lengths;
    generate
        for (m = 0; m < 4; m = m + 1) begin : choice
            wire [LOG_W-1:0] at = places[m*LOG_W +: LOG_W];
            wire [LOG_W-1:0] ones;
            if (m == 0) begin : lowest
                assign ones = at;
            end else begin : above
                assign ones = at + ~places[(m-1)*LOG_W +: LOG_W];
            end
            wire [LONG+LOG_W-2:0] wide = {{LONG{1'b0}}, ones[LOG_W-1:1]};
            wire unused_wide = &{1'b0, wide};
            wire [LONG-1:0] size = wide[LONG-1:0];
            wire [LONG-1:0] moved = ones[0] ? -size : size;
            assign used[m] = valid[m] & (ones != 1);
            assign steps[m*LONG +: LONG] = moved & {LONG{valid[m]}};
        end
    endgenerate
    wire [4*LONG-1:0] sums;
    f2f_prefix #(.N(4), .W(LONG)) add_up (.numbers(steps), .sums(sums));
    wire [LONG-1:0] from = full_head ? start : length_before;
    assign n_used = {1'b0, used[0]} + {1'b0, used[1]};
    wire [1:0] n_used_high = {1'b0, used[2]} + {1'b0, used[3]};
    wire group_put = put & full_group;
    assign add_used = group_put ? {1'b0, n_used} + {1'b0, n_used_high} : 3'd0;
    reg added, added_first;
    reg [3:0] is_used;
    reg [4*LONG-1:0] length;
    reg [SYMBOL-1:0] base;
    generate
        for (m = 0; m < 4; m = m + 1) begin : lane
            assign lengths[m*LONG +: LONG] = from + sums[m*LONG +: LONG];
        end
    endgenerate
    always @(posedge clk) begin
        added <= ~rst & group_put;
        added_first <= full_head;
        is_used <= used;
        length <= lengths;
        base <= number;
        if (group_put) length_before <= lengths[3*LONG +: LONG];
    end

    // Symbols wait with their lengths, in turn in four memories.
    reg [SYMBOL-1:0] tail, next;
    wire fetched = put & ~full_group;
    wire [4*ITEM-1:0] items;
    wire [2:0] rank [0:4];
    assign rank[0] = 3'd0;
    generate
        for (m = 0; m < 4; m = m + 1) begin : item
            localparam [SYMBOL-1:0] M = m;
            assign items[m*ITEM +: ITEM] = {length[m*LONG +: LONG], base + M};
            assign rank[m+1] = rank[m] + {2'd0, is_used[m]};
            // A memory and which of the used ones it gets.
            localparam [1:0] BANK = m;
            wire [1:0] turn = BANK - tail[1:0];
            wire [3:0] mine;
            for (i = 0; i < 4; i = i + 1) begin : of
                assign mine[i] = is_used[i] & (rank[i][1:0] == turn);
            end
            wire wraps = ({1'b0, BANK} < {1'b0, tail[1:0]});
            assign store[m] = added & (|mine);
            assign store_row[m*(SYMBOL-2) +: SYMBOL-2] =
                tail[SYMBOL-1:2] + {{SYMBOL-3{1'b0}}, wraps};
            assign store_data[m*ITEM +: ITEM] =
                ({ITEM{mine[0]}} & items[0 +: ITEM]) | ({ITEM{mine[1]}} & items[ITEM +: ITEM])
                | ({ITEM{mine[2]}} & items[2*ITEM +: ITEM])
                | ({ITEM{mine[3]}} & items[3*ITEM +: ITEM]);
            assign fetch[m] = fetched & (next[1:0] == BANK);
        end
    endgenerate
    assign fetch_row = next[SYMBOL-1:2];
    // A table of one group: its first symbol is stored while it is fetched.
    wire passes = added & added_first;
    reg writing, passed, write_half;
    reg [1:0] from_bank;
    reg [ITEM-1:0] passing;
    always @(posedge clk) begin
        if (rst) begin
            tail <= 0;
            next <= 0;
            half <= 1'b0;
        end else begin
            if (added) tail <= tail + {{SYMBOL-3{1'b0}}, rank[4]};
            if (fetched) next <= next + 1'b1;
            if (put_table) half <= ~half;
        end
        writing <= ~rst & fetched;
        write_half <= half;
        from_bank <= next[1:0];
        passed <= passes;
        passing <= items[ITEM-1:0];
    end
    wire [ITEM-1:0] kept;
    f2f_select #(.SPAN(4), .WIDTH(ITEM), .SEL(2)) choose (
        .words(fetch_data), .sel(from_bank), .word(kept)
    );
    wire [ITEM-1:0] written = passed ? passing : kept;
    wire [LONG-1:0] write_length = written[ITEM-1:SYMBOL];

    // Limits, offsets and first places: of the lengths of a group at once.
    wire [LENGTH*SYMBOL-1:0] place_words;
    wire [SYMBOL-1:0] place;
    genvar l;
    generate
        for (l = 1; l <= LENGTH; l = l + 1) begin : of
            localparam [LONG-1:0] SIZE = l;
            localparam AT = (l - 1) * (l + 2) / 2;
            wire [3:0] same, lower;
            for (m = 0; m < 4; m = m + 1) begin : one
                assign same[m] = is_used[m] & (length[m*LONG +: LONG] == SIZE);
            end
            if (l == 1) begin : shortest
                assign lower = 4'd0;
            end else begin : longer
                assign lower = of[l-1].lower | of[l-1].same;
            end
            wire [2:0] n_same, n_lower;
            assign n_same = {2'd0, same[0]} + {2'd0, same[1]} + {2'd0, same[2]} + {2'd0, same[3]};
            assign n_lower =
                {2'd0, lower[0]} + {2'd0, lower[1]} + {2'd0, lower[2]} + {2'd0, lower[3]};
            // Codewords up to this length, as numbers of its bits: three rows.
            wire [l-1:0] ones, twos, fours;
            for (i = 1; i <= l; i = i + 1) begin : row
                assign ones[l-i] = of[i].n_same[0];
                assign twos[l-i] = of[i].n_same[1];
                assign fours[l-i] = of[i].n_same[2];
            end
            wire [l+2:0] sum = {3'd0, ones} + {2'd0, twos, 1'b0} + {1'b0, fours, 2'd0};
            wire unused_sum = &{1'b0, sum};
            reg [l:0] limit_0, limit_1;
            reg [SYMBOL-1:0] offset_0, offset_1, rank_of;
            wire [l:0] limit = added_first ? {l+1{1'b0}} : half ? limit_1 : limit_0;
            wire [l:0] more = limit + sum[l:0];
            wire [SYMBOL-1:0] offset =
                added_first ? {SYMBOL{1'b0}} : half ? offset_1 : offset_0;
            wire [SYMBOL-1:0] twice, other;
            if (l == 1) begin : none_before
                assign twice = {SYMBOL{1'b0}};
            end else begin : some_before
                wire [SYMBOL+l+1:0] wide = {{SYMBOL-1{1'b0}}, of[l-1].sum, 1'b0};
                wire unused_wide = &{1'b0, wide};
                assign twice = wide[SYMBOL-1:0];
            end
            assign other = offset + {{SYMBOL-3{1'b0}}, n_lower} - twice;
            wire mine = writing & (write_length == SIZE);
            wire [SYMBOL-1:0] so_far = (added & added_first) ? {SYMBOL{1'b0}} : rank_of;
            wire [2:0] on = added ? n_lower : {2'd0, mine};
            always @(posedge clk) begin
                if (added & ~half) limit_0 <= more;
                if (added & half) limit_1 <= more;
                if (added & ~half) offset_0 <= other;
                if (added & half) offset_1 <= other;
                rank_of <= so_far + {{SYMBOL-3{1'b0}}, on};
            end
            assign tables[AT +: l+1] = limit_0;
            assign tables[LIMITS+LENGTH*SYMBOL+AT +: l+1] = limit_1;
            assign tables[LIMITS+(l-1)*SYMBOL +: SYMBOL] = offset_0;
            assign tables[2*LIMITS+LENGTH*SYMBOL+(l-1)*SYMBOL +: SYMBOL] = offset_1;
            assign place_words[(l-1)*SYMBOL +: SYMBOL] =
                {SYMBOL{write_length == SIZE}} & rank_of;
        end
    endgenerate
    f2f_any #(.N(LENGTH), .WIDTH(SYMBOL)) any_place (.words(place_words), .any(place));
    assign write_data = {write_half, place, written[SYMBOL-1:0] ^ flip};
endmodule
