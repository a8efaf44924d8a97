// f2f_care: where the care bits of each block end, counted over the layer.
//
// Parameters
//   N_OUT  weights of a block
//   KEPT   bits of a block's number of kept weights
//   PLANE  bits of a plane's number
//   W      bits of a place: places count modulo 2^W
//
// Two stages: the kept weights are counted (f2f_count, generated), n_stored times as many are added
// up; a mask whose count is there in this cycle says `arrive`.
// late_data: {end, kept weights, mask}.
module f2f_care #(
    parameter N_OUT = 80,
    parameter KEPT = 7,
    parameter PLANE = 3,
    parameter W = 26
) (
    input  wire                    clk,
    input  wire                    rst,
    input  wire [PLANE:0]          n_stored,
    input  wire [N_OUT-1:0]        mask,
    input  wire                    arrive,
    output wire [W+KEPT+N_OUT-1:0] late_data
);
    reg [W-1:0] place;
    reg [KEPT-1:0] kept;
    reg [N_OUT-1:0] late;
    wire [KEPT-1:0] total;
    wire [N_OUT-1:0] same;
    f2f_count count (.clk(clk), .bits(mask), .total(total), .late(same));
    always @(posedge clk) begin
        kept <= total;
        late <= same;
    end
    // Products for the bits of n_stored; the place comes last, its carries saved until the sum.
    wire [W-1:0] wide = {{W-KEPT{1'b0}}, kept};
    reg [W-1:0] low, high, term;
    integer k;
    always @* begin
        low = {W{1'b0}};
        high = {W{1'b0}};
        for (k = 0; k <= PLANE; k = k + 1) begin
            term = n_stored[k] ? wide << k : {W{1'b0}};
            if (2 * k <= PLANE) low = low + term;
            else high = high + term;
        end
    end
    wire [W-1:0] carries = ((place & low) | (place & high) | (low & high)) << 1;
    wire [W-1:0] ends = (place ^ low ^ high) + carries;
    assign late_data = {ends, kept, late};
    always @(posedge clk) begin
        if (rst) place <= {W{1'b0}};
        else if (arrive) place <= ends;
    end
endmodule
