// f2f_gather_grant: which of P offers their banks take in this cycle.
//
// Parameters
//   P      offers
//   LOG_B  bits of a bank's number
//
// Every bank takes one offer, the first in the order turn, turn + 1, .. P - 1, 0, ..; `upper` marks
// the offers from the turn on. An offer is granted unless one that comes earlier is for the same
// bank: all pairs are compared at once. `blocked`: there is an offer that is not granted.
module f2f_gather_grant #(
    parameter P = 4,
    parameter LOG_B = 3
) (
    input  wire [P-1:0]       upper,
    input  wire [P-1:0]       offer,
    input  wire [P*LOG_B-1:0] bank,
    output wire [P-1:0]       grant,
    output wire               blocked
);
    wire [P-1:0] behind_one;
    genvar p, q;
    generate
        for (p = 0; p < P; p = p + 1) begin : pe
            wire [P-1:0] earlier;
            for (q = 0; q < P; q = q + 1) begin : other
                if (q == p) begin : own
                    assign earlier[q] = 1'b0;
                end else begin : pair
                    wire same = (bank[q*LOG_B +: LOG_B] == bank[p*LOG_B +: LOG_B]);
                    // In the same half the lower one comes first, else the upper one.
                    wire first = (upper[q] & ~upper[p]) | ((q < p) & (upper[q] == upper[p]));
                    assign earlier[q] = offer[q] & same & first;
                end
            end
            assign behind_one[p] = offer[p] & (|earlier);
            assign grant[p] = offer[p] & ~(|earlier);
        end
    endgenerate
    assign blocked = |behind_one;
endmodule
