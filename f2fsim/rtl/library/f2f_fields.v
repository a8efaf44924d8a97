// f2f_fields: a buffer of short fields, several written and several taken in one cycle.
//
// Parameters
//   WIDTH  bits of a field
//   DEPTH  fields that it holds
//   WRITE  fields of a put at most; in_count says how many
//   READ   fields that can be seen and taken in one cycle
//   COUNT  bits of a count 0 .. DEPTH + WRITE
//
// Fields are visible in the cycle after the put. A put is accepted when all its fields find room,
// places taken in the same cycle included. Both shifters move whole fields.
module f2f_fields #(
    parameter WIDTH = 4,
    parameter DEPTH = 8,
    parameter WRITE = 2,
    parameter READ = 2,
    parameter COUNT = 4
) (
    input  wire                   clk,
    input  wire                   rst,
    input  wire                   in_valid,
    output wire                   in_ready,
    input  wire [COUNT-1:0]       in_count,
    input  wire [WRITE*WIDTH-1:0] in_data,
    output wire [COUNT-1:0]       visible,
    output wire [READ*WIDTH-1:0]  window,
    input  wire [COUNT-1:0]       take
);
    localparam [COUNT-1:0] ROOM = DEPTH;
    localparam TOTAL = DEPTH * WIDTH;
    localparam PLACED = TOTAL + WRITE * WIDTH;

    reg [COUNT-1:0] held;
    reg [TOTAL-1:0] fields;

    wire [COUNT-1:0] left = held - take;
    wire put = in_valid & in_ready;
    assign in_ready = (left + in_count <= ROOM);
    assign visible = held;

    // Fields beyond in_count are cleared, those that stay move to the front.
    wire [WRITE*WIDTH-1:0] fresh;
    genvar i;
    generate
        for (i = 0; i < WRITE; i = i + 1) begin : lane
            localparam [COUNT-1:0] INDEX = i;
            assign fresh[i*WIDTH +: WIDTH] =
                (put && INDEX < in_count) ? in_data[i*WIDTH +: WIDTH] : {WIDTH{1'b0}};
        end
        if (READ <= DEPTH) begin : direct
            assign window = fields[READ*WIDTH-1:0];
        end else begin : padded
            assign window = {{(READ-DEPTH)*WIDTH{1'b0}}, fields};
        end
    endgenerate
    reg [PLACED-1:0] placed;
    reg [TOTAL-1:0] kept;
    integer s;
    always @* begin
        placed = {{TOTAL{1'b0}}, fresh};
        kept = fields;
        for (s = 0; s < COUNT; s = s + 1) begin
            if (left[s]) placed = placed << (WIDTH << s);
            if (take[s]) kept = kept >> (WIDTH << s);
        end
    end
    wire unused = &{1'b0, placed[PLACED-1:TOTAL]};  // no room there: in_ready is low

    always @(posedge clk) begin
        if (rst) begin
            held <= {COUNT{1'b0}};
            fields <= {TOTAL{1'b0}};
        end else begin
            held <= put ? left + in_count : left;
            fields <= kept | placed[TOTAL-1:0];
        end
    end
endmodule
