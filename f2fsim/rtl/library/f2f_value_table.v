// f2f_value_table: reads the table of a value code and holds it for word aligner and decoders.
//
// Parameters
//   PLANES   planes that are built
//   WEIGHT   bits of a pattern
//   TOP      bits of a plane's number
//   SHIFT    bits of a number 0 .. WEIGHT
//   RATE     bits of a rate
//   CLASSES  classes of the code; prefixes have at most 6 bits
//   WORD     bits of a put: 32
//   WORDS    words that it holds: an item of the most bits, wherever it begins in the first one
//
// A table is its head (fold and number of classes), its classes, the rates of its planes; an item
// is one of these. Planes whose classes that care are those of an earlier one have its rate: no
// bits. Before, an item waits for room and two let the table before go on its way; between classes
// and planes an item is lost. Words are visible a cycle after their put, their places free in the
// cycle after they were used up.
// A class goes to its place in canonical order, those of longer prefixes one place on: `start` is
// the sum of the shares of all before, of places not in use of all, 64.
// rates: two tables, used in turn; `loaded` says which are there (a cycle before the put of the
// last item, as f2f_plane_words prepares a step ahead), `done` gives back that in use.
// The classes wait until `take`, with a pass's first block, and go to the decoders stage by stage:
// starts and top, a cycle later bases and suffixes, then the fold. `ready` says that they are
// there.
module f2f_value_table #(
    parameter PLANES = 10,
    parameter WEIGHT = 8,
    parameter TOP = 4,
    parameter SHIFT = 4,
    parameter RATE = 11,
    parameter CLASSES = 16,
    parameter WORD = 32,
    parameter WORDS = 2
) (
    input  wire                      clk,
    input  wire                      rst,
    input  wire                      in_valid,
    output wire                      in_ready,
    input  wire [WORD-1:0]           in_data,
    output reg  [2*PLANES*RATE-1:0]  rates,
    output reg  [1:0]                loaded,
    input  wire                      done,
    output reg                       ready,
    input  wire                      take,
    output reg  [7*CLASSES-1:0]      starts,
    output reg  [WEIGHT*CLASSES-1:0] bases,
    output reg  [WEIGHT*CLASSES-1:0] suffixes,
    output reg  [TOP-1:0]            top,
    output reg                       is_signed,
    output reg  [WEIGHT-1:0]         centre,
    output reg  [SHIFT-1:0]          shift
);
    localparam HEAD = 13 + WEIGHT;         // of the longest item of each kind
    localparam LONG = 4 + SHIFT + WEIGHT;
    localparam WIDEST = (HEAD > LONG) ? HEAD : LONG;  // no rate is longer
    localparam COUNT = 2;                  // bits of a number of words
    localparam [COUNT-1:0] ALL = WORDS;
    genvar c, p, w;

    // What goes on.
    reg s_begin, s_hold, s_wait, s_head, s_class, s_turn, s_plane;
    reg half;                              // that is loaded
    reg [1:0] busy;                        // rates loaded or being loaded
    reg waits;                             // classes, likewise
    wire room = ~(half ? busy[1] : busy[0]) & (~waits | take);
    wire go = s_hold & room;

    // Words that are held, and the place of the next bit in the first one.
    reg [WORDS*WORD-1:0] words;
    reg [COUNT-1:0] held;
    reg [4:0] at;
    wire [WORDS*WORD-1:0] from_here = words >> at;
    wire [WIDEST-1:0] window = from_here[WIDEST-1:0];
    wire unused_words = &{1'b0, from_here};

    // The head.
    wire has_shift = window[1];
    wire [WEIGHT+5:0] behind_shift =
        has_shift ? window[7 +: WEIGHT+6] : window[2 +: WEIGHT+6];
    wire has_centre = behind_shift[0];
    wire [4:0] n_classes = has_centre ? behind_shift[WEIGHT+1 +: 5] : behind_shift[1 +: 5];
    wire [4:0] shift_field = window[6:2] & {5{has_shift}};
    wire [WEIGHT-1:0] centre_field = behind_shift[1 +: WEIGHT] & {WEIGHT{has_centre}};
    wire unused_shift = &{1'b0, shift_field, behind_shift};

    // A class.
    reg [WEIGHT-1:0] expected;             // base where none is given
    wire has_base = window[0];
    wire [SHIFT+2:0] behind_base =
        has_base ? window[WEIGHT+1 +: SHIFT+3] : window[1 +: SHIFT+3];
    wire [SHIFT-1:0] bits_below = behind_base[SHIFT-1:0];
    wire [2:0] prefix = behind_base[SHIFT +: 3];
    wire [WEIGHT-1:0] base = has_base ? window[1 +: WEIGHT] : expected;
    wire [WEIGHT-1:0] suffix = ~({WEIGHT{1'b1}} << bits_below);
    wire [6:0] share = 7'd64 >> prefix;

    // A plane: its rate is read unless an earlier one cares for the same classes.
    reg [PLANES-1:0] match;
    wire known = |match;

    // Bits of the item, and whether they are there.
    wire [5:0] length;
    localparam [5:0] OF_HEAD = 8, OF_CLASS = 4 + SHIFT, OF_RATE = RATE, OF_WEIGHT = WEIGHT;
    localparam [5:0] HEAD_S = OF_HEAD + 5, HEAD_C = OF_HEAD + OF_WEIGHT, HEAD_SC = HEAD_S + OF_WEIGHT;
    localparam [5:0] CLASS_B = OF_CLASS + OF_WEIGHT;
    assign length =
        (OF_HEAD & {6{s_head & ~has_shift & ~has_centre}})
        | (HEAD_S & {6{s_head & has_shift & ~has_centre}})
        | (HEAD_C & {6{s_head & ~has_shift & has_centre}})
        | (HEAD_SC & {6{s_head & has_shift & has_centre}})
        | (OF_CLASS & {6{s_class & ~has_base}}) | (CLASS_B & {6{s_class & has_base}})
        | (OF_RATE & {6{s_plane & ~known}});
    wire [6:0] ends = {1'b0, length} + {2'd0, at};
    wire [COUNT-1:0] used = ends[6:5];
    wire part = |ends[4:0];
    wire enough = (held > used) | ((held == used) & ~part);
    wire of_head = s_head & enough;
    wire of_class = s_class & enough;
    wire of_plane = s_plane & enough;
    wire fire = of_head | of_class | of_plane;
    wire [COUNT-1:0] gone = used & {COUNT{fire}};
    wire [COUNT-1:0] left = held - gone;
    assign in_ready = (held != ALL);
    wire put = in_valid & in_ready;
    wire [(WORDS+2)*WORD-1:0] then = {{2*WORD{1'b0}}, words};
    generate
        for (w = 0; w < WORDS; w = w + 1) begin : word
            localparam [COUNT-1:0] HERE = w;
            wire [WORD-1:0] kept = gone[1] ? then[(w+2)*WORD +: WORD]
                : gone[0] ? then[(w+1)*WORD +: WORD] : then[w*WORD +: WORD];
            always @(posedge clk) begin
                if (rst) words[w*WORD +: WORD] <= {WORD{1'b0}};
                else words[w*WORD +: WORD] <= (put & (left == HERE)) ? in_data : kept;
            end
        end
    endgenerate

    reg [4:0] classes_left;
    wire last_class = (classes_left == 5'd1);
    reg [5:0] n_planes;                    // most bits of a class so far: the planes
    wire [SHIFT+5:0] wide_below = {6'd0, bits_below};
    wire [5:0] of_this = wide_below[5:0] + {3'd0, prefix};
    wire unused_below = &{1'b0, wide_below};
    reg [5:0] to_top;                      // planes behind the one in work
    wire ends_empty = s_turn & (n_planes == 6'd0);
    wire last_plane = of_plane & (to_top == 6'd0);
    wire ended = ends_empty | last_plane;
    reg ended_1, take_1, take_2;
    always @(posedge clk) begin
        if (rst) begin
            {s_hold, s_wait, s_head, s_class, s_turn, s_plane} <= 6'd0;
            s_begin <= 1'b1;
            half <= 1'b0;
            busy <= 2'd0;
            loaded <= 2'd0;
            waits <= 1'b0;
            ready <= 1'b0;
            held <= {COUNT{1'b0}};
            at <= 5'd0;
        end else begin
            s_begin <= ended;
            s_hold <= s_begin | (s_hold & ~room);
            s_wait <= go;
            s_head <= s_wait | (s_head & ~enough);
            s_class <= (of_head & (n_classes != 5'd0)) | (s_class & ~(enough & last_class));
            s_turn <= (of_head & (n_classes == 5'd0)) | (of_class & last_class);
            s_plane <= (s_turn & ~ends_empty) | (s_plane & ~last_plane);
            half <= half ^ ended;
            busy <= (busy & ~(loaded & {2{done}} & {in_use, ~in_use})) | ({half, ~half} & {2{go}});
            loaded <= (loaded & ~({2{done}} & {in_use, ~in_use})) | ({half, ~half} & {2{ended}});
            waits <= (waits & ~take) | go;
            ready <= (ready & ~take) | ended_1;
            held <= left + {{COUNT-1{1'b0}}, put};
            if (fire) at <= ends[4:0];
        end
        ended_1 <= ended & ~rst;
        take_1 <= take;
        take_2 <= take_1;
        if (of_head) classes_left <= n_classes;
        else if (of_class) classes_left <= classes_left - 1'b1;
        if (of_head) expected <= {WEIGHT{1'b0}};
        else if (of_class) expected <= base + suffix + 1'b1;
        if (of_head) n_planes <= 6'd0;
        else if (of_class & (of_this > n_planes)) n_planes <= of_this;
        if (s_turn | of_plane) to_top <= (s_turn ? n_planes : to_top) - 1'b1;
    end
    reg in_use;                            // rates that the aligner uses
    always @(posedge clk) begin
        if (rst) in_use <= 1'b0;
        else in_use <= in_use ^ done;
    end

    // Classes in canonical order.
    reg fold_signed;
    reg [WEIGHT-1:0] fold_centre;
    reg [SHIFT-1:0] fold_shift;
    wire [PLANES-1:0] next_plane;
    wire [5:0] above_next = s_turn ? n_planes : to_top;  // planes from the next one on
    wire far = |above_next[5:3] | (&above_next[2:0]);
    wire [CLASSES-1:0] cares;
    generate
        for (c = 0; c < CLASSES; c = c + 1) begin : of
            reg in_table;
            reg [2:0] size;
            reg [WEIGHT-1:0] first, mask;
            wire [6:0] start;  // where its prefix begins, of 64
            wire unused_start = &{1'b0, start};
            wire lower = in_table & (size <= prefix);
            wire moves;
            wire [WEIGHT-1:0] first_below, mask_below;
            wire [2:0] size_below;
            wire in_below;
            if (c == 0) begin : lowest
                assign moves = 1'b0;
                assign first_below = {WEIGHT{1'b0}};
                assign mask_below = {WEIGHT{1'b0}};
                assign size_below = 3'd0;
                assign in_below = 1'b0;
                assign start = 7'd0;
                always @(posedge clk) starts[6:0] <= 7'd0;
            end else begin : higher
                reg [6:0] sum;
                assign moves = ~of[c-1].lower;
                assign first_below = of[c-1].first;
                assign mask_below = of[c-1].mask;
                assign size_below = of[c-1].size;
                assign in_below = of[c-1].in_table;
                assign start = sum;
                always @(posedge clk) begin
                    if (of_head) sum <= 7'd0;
                    else if (of_class & moves) sum <= of[c-1].start + share;
                    if (take) starts[7*c +: 7] <= sum;
                end
            end
            always @(posedge clk) begin
                if (of_head) in_table <= 1'b0;
                else if (of_class & ~lower) in_table <= moves ? in_below : 1'b1;
                if (of_class & ~lower) begin
                    size <= moves ? size_below : prefix;
                    first <= moves ? first_below : base;
                    mask <= moves ? mask_below : suffix;
                end
                if (take_1) bases[WEIGHT*c +: WEIGHT] <= first;
                if (take_1) suffixes[WEIGHT*c +: WEIGHT] <= mask;
            end
            // Does the class care for the next plane?
            wire [PLANES+WEIGHT-1:0] long = {{PLANES{1'b0}}, mask};
            wire unused_long = &{1'b0, long};
            assign cares[c] =
                in_table & ((|(long[PLANES-1:0] & next_plane)) | (~far & (size >= above_next[2:0])));
        end
    endgenerate
    wire [5:0] highest = n_planes - 1'b1;
    wire unused_highest = &{1'b0, highest};
    wire [WEIGHT+31:0] moved_centre = {32'd0, centre_field} << shift_field;
    wire [5:0] wide_shift = {1'b0, shift_field};
    wire unused_fold = &{1'b0, moved_centre, wide_shift};
    always @(posedge clk) begin
        if (of_head) begin
            fold_signed <= window[0];
            fold_shift <= wide_shift[SHIFT-1:0];
            fold_centre <= moved_centre[WEIGHT-1:0];
        end
        if (take) top <= highest[TOP-1:0];
        if (take_2) begin
            is_signed <= fold_signed;
            shift <= fold_shift;
            centre <= fold_centre;
        end
    end

    // Planes, one after another, and the classes that cared for each.
    reg [PLANES-1:0] plane, seen;
    wire [PLANES*RATE-1:0] same_rates;
    wire [RATE-1:0] same_rate;
    wire advance = s_turn | of_plane;
    assign next_plane = s_turn ? {{PLANES-1{1'b0}}, 1'b1} : {plane[PLANES-2:0], 1'b0};
    f2f_any #(.N(PLANES), .WIDTH(RATE)) any_rate (.words(same_rates), .any(same_rate));
    wire [RATE-1:0] rate = known ? same_rate : window[RATE-1:0];
    generate
        for (p = 0; p < PLANES; p = p + 1) begin : of_plane_p
            reg [CLASSES-1:0] cared;
            wire [RATE-1:0] rate_0 = rates[p*RATE +: RATE];
            wire [RATE-1:0] rate_1 = rates[(PLANES+p)*RATE +: RATE];
            wire mine = of_plane & plane[p];
            always @(posedge clk) begin
                if (advance & next_plane[p]) cared <= cares;
                if (advance) match[p] <= seen[p] & (cared == cares);
                if (of_head & ~half) rates[p*RATE +: RATE] <= {RATE{1'b0}};
                else if (mine & ~half) rates[p*RATE +: RATE] <= rate;
                if (of_head & half) rates[(PLANES+p)*RATE +: RATE] <= {RATE{1'b0}};
                else if (mine & half) rates[(PLANES+p)*RATE +: RATE] <= rate;
            end
            assign same_rates[p*RATE +: RATE] = (half ? rate_1 : rate_0) & {RATE{match[p]}};
        end
    endgenerate
    always @(posedge clk) begin
        if (advance) plane <= next_plane;
        if (of_head) seen <= {PLANES{1'b0}};
        else if (advance) seen <= seen | next_plane;
    end
endmodule
