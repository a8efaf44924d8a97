// f2f_decoder: word history and XOR network of one group, all bit planes in lock step.
//
// Parameters
//   N_IN    bits of an encoded word
//   N_OUT   bits of a decoded block
//   N_S     words remembered beside the newest
//   PLANES  bit planes
//
// y_t = M . [w_t; w_(t-1); ...; w_(t-N_S)], registers start at zero; the matrix M is in the
// generated module f2f_xor. invert[p] inverts plane p; a constant plane is fed with zeros.
// A word is accepted when the block before it has left (or leaves in this cycle).
module f2f_decoder #(
    parameter N_IN = 8,
    parameter N_OUT = 80,
    parameter N_S = 2,
    parameter PLANES = 8
) (
    input  wire                    clk,
    input  wire                    rst,
    input  wire [PLANES-1:0]       invert,
    input  wire                    in_valid,
    output wire                    in_ready,
    input  wire [PLANES*N_IN-1:0]  in_data,
    output wire                    out_valid,
    input  wire                    out_ready,
    output wire [PLANES*N_OUT-1:0] out_data
);
    localparam COLUMNS = (N_S + 1) * N_IN;

    reg full;
    wire accept = in_valid & in_ready;
    assign in_ready = ~full | out_ready;
    assign out_valid = full;

    always @(posedge clk) begin
        if (rst) full <= 1'b0;
        else if (in_ready) full <= in_valid;
    end

    genvar p;
    generate
        for (p = 0; p < PLANES; p = p + 1) begin : plane
            // Bits 0 .. N_IN-1 hold the newest word.
            reg [COLUMNS-1:0] words;
            wire [COLUMNS-1:0] shifted;
            if (N_S == 0) begin : newest
                assign shifted = in_data[p*N_IN +: N_IN];
            end else begin : history
                assign shifted = {words[N_S*N_IN-1:0], in_data[p*N_IN +: N_IN]};
            end
            wire [N_OUT-1:0] y;
            always @(posedge clk) begin
                if (rst) words <= {COLUMNS{1'b0}};
                else if (accept) words <= shifted;
            end
            f2f_xor network (.w(words), .y(y));
            assign out_data[p*N_OUT +: N_OUT] = y ^ {N_OUT{invert[p]}};
        end
    endgenerate
endmodule
