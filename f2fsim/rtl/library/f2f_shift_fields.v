// f2f_shift_fields: f2f_fields for few fields: those that stay move to the front.
//
// Parameters, ports  as in f2f_fields
//
// The window is registers, without logic before it; a put finds its place while `take` is not
// known yet and moves with the others. For loops that cut fields of unknown width.
module f2f_shift_fields #(
    parameter WIDTH = 4,
    parameter DEPTH = 8,
    parameter WRITE = 2,
    parameter READ = 2,
    parameter COUNT = 4,
    parameter TAKE = 4,
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
    localparam [COUNT-1:0] ROOM = DEPTH;
    localparam TOTAL = DEPTH * WIDTH;
    localparam PLACED = TOTAL + WRITE * WIDTH;

    reg [COUNT-1:0] held, stored;
    reg [TOTAL-1:0] fields;

    // `fire` comes last: what would be with and without it is ready by then.
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
    genvar i;
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

    // Fields beyond the count of a put are cleared, so that what is not held is zero.
    wire [WRITE*WIDTH-1:0] fresh;
    generate
        for (i = 0; i < WRITE; i = i + 1) begin : lane
            localparam [COUNT-1:0] INDEX = i;
            assign fresh[i*WIDTH +: WIDTH] =
                (INDEX < n_late) ? late_data[i*WIDTH +: WIDTH] : {WIDTH{1'b0}};
        end
        if (READ <= DEPTH) begin : direct
            assign window = fields[READ*WIDTH-1:0];
        end else begin : padded
            assign window = {{(READ-DEPTH)*WIDTH{1'b0}}, fields};
        end
    endgenerate
    reg [PLACED-1:0] placed, placed_on;
    reg [TOTAL-1:0] kept;
    integer s;
    always @* begin
        placed = {{TOTAL{1'b0}}, fresh};
        kept = fields;
        for (s = 0; s < COUNT; s = s + 1) if (stored[s]) placed = placed << (WIDTH << s);
        placed_on = placed;
        for (s = 0; s < TAKE; s = s + 1) begin
            if (take[s]) kept = kept >> (WIDTH << s);
            if (take[s]) placed_on = placed_on >> (WIDTH << s);
        end
    end
    // No room beyond: in_ready is low.
    wire unused = &{1'b0, placed[PLACED-1:TOTAL], placed_on[PLACED-1:TOTAL], missing};
    wire [COUNT-1:0] come = stored + n_late;
    wire arrive_then = (LATENCY == 1) ? put_then : arrive;
    wire arrive_else = (LATENCY == 1) ? put_else : arrive;
    wire [COUNT-1:0] come_less = come - take;
    wire [COUNT-1:0] stored_less = stored - take;
    wire [COUNT-1:0] stored_then = arrive_then ? come_less : stored_less;
    wire [COUNT-1:0] stored_else = arrive_else ? come : stored;

    always @(posedge clk) begin
        if (rst) begin
            held <= {COUNT{1'b0}};
            stored <= {COUNT{1'b0}};
            fields <= {TOTAL{1'b0}};
        end else begin
            held <= fire ? held_then : held_else;
            stored <= fire ? stored_then : stored_else;
            fields <= fire ? kept | ({TOTAL{arrive_then}} & placed_on[TOTAL-1:0])
                : fields | ({TOTAL{arrive_else}} & placed[TOTAL-1:0]);
        end
    end
endmodule
