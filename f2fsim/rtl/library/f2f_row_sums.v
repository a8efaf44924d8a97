// f2f_row_sums: an adder tree that adds the products of each row by itself.
//
// Parameters
//   LOG_N    log2 of the number of lanes
//   PRODUCT  bits of a product, signed
//   SUM      bits of a sum, at least PRODUCT + LOG_N
//   PER      levels of adders between two registers
//   STAGES   registers from the input to the sums: ceil(LOG_N / PER) - 1
//
// Lanes come in row order; first[k]: lane k begins a row. A node has the sum of the lanes before
// its first beginning (before), of those from its last one on (behind), and whether there is one
// (begins). What lies between two halves is one sum: an adder a node, and a choice for either end.
// Where both halves have a beginning the node's sum is a row that is complete: valid[n], sums[n],
// node n of 1 .. N - 1 counted from the root (children 2n and 2n + 1). The row that goes on from
// the step before is `before`, the one that goes on to the next step is `behind`.
module f2f_row_sums #(
    parameter LOG_N = 2,
    parameter PRODUCT = 16,
    parameter SUM = 32,
    parameter PER = 1,
    parameter STAGES = 1
) (
    input  wire                          clk,
    input  wire [(1<<LOG_N)-1:0]         first,
    input  wire [(PRODUCT<<LOG_N)-1:0]   products,
    output wire [(1<<LOG_N)-1:1]         valid,
    output wire [(SUM<<LOG_N)-1:SUM]     sums,
    output wire                          begins,
    output wire [SUM-1:0]                before,
    output wire [SUM-1:0]                behind
);
    localparam N = 1 << LOG_N;
    wire [2*N-1:1] has;
    // A net a node: as one vector each of its sums would wake all nodes in Icarus Verilog.
    wire [SUM-1:0] pre [1:2*N-1];
    wire [SUM-1:0] post [1:2*N-1];
    genvar level, i, d;
    generate
        for (i = 0; i < N; i = i + 1) begin : leaf
            wire [PRODUCT-1:0] product = products[i*PRODUCT +: PRODUCT];
            wire [SUM-1:0] wide = {{SUM-PRODUCT{product[PRODUCT-1]}}, product};
            assign has[N+i] = first[i];
            // A lane that begins a row has nothing before it.
            assign pre[N+i] = first[i] ? {SUM{1'b0}} : wide;
            assign post[N+i] = wide;
        end
        for (level = LOG_N - 1; level >= 0; level = level - 1) begin : row
            // Registers behind this level, and those that its sums still have to pass.
            localparam DONE = LOG_N - level;
            localparam CUT = (DONE % PER == 0) && (level > 0);
            localparam LATE = STAGES - (DONE - 1) / PER;
            for (i = (1 << level); i < (2 << level); i = i + 1) begin : node
                wire left = has[2*i], right = has[2*i+1];
                wire [SUM-1:0] sum = post[2*i] + pre[2*i+1];
                wire any = left | right;
                wire [SUM-1:0] my_pre = left ? pre[2*i] : sum;
                wire [SUM-1:0] my_post = right ? post[2*i+1] : sum;
                if (CUT) begin : cut
                    reg any_q;
                    reg [SUM-1:0] pre_q, post_q;
                    always @(posedge clk) begin
                        any_q <= any;
                        pre_q <= my_pre;
                        post_q <= my_post;
                    end
                    assign has[i] = any_q;
                    assign pre[i] = pre_q;
                    assign post[i] = post_q;
                end else begin : through
                    assign has[i] = any;
                    assign pre[i] = my_pre;
                    assign post[i] = my_post;
                end
                // Rows that are complete early wait for the others.
                wire [LATE:0] ends;
                wire [(LATE+1)*SUM-1:0] waits;
                assign ends[0] = left & right;
                assign waits[SUM-1:0] = sum;
                for (d = 1; d <= LATE; d = d + 1) begin : wait_for
                    reg end_q;
                    reg [SUM-1:0] sum_q;
                    always @(posedge clk) begin
                        end_q <= ends[d-1];
                        sum_q <= waits[(d-1)*SUM +: SUM];
                    end
                    assign ends[d] = end_q;
                    assign waits[d*SUM +: SUM] = sum_q;
                end
                assign valid[i] = ends[LATE];
                assign sums[i*SUM +: SUM] = waits[LATE*SUM +: SUM];
            end
        end
    endgenerate
    assign begins = has[1];
    assign before = pre[1];
    assign behind = post[1];
endmodule
