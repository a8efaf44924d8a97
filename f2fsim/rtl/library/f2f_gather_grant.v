// f2f_gather_grant: which of P offers their banks take in this cycle.
//
// Parameters
//   P        offers
//   LOG_B    bits of a bank's number
//   ADDRESS  bits of an address in a bank
//   SHARED   1: offers of the word that a bank gives are granted together
//
// Every bank takes one offer, the first in the order turn, turn + 1, .. P - 1, 0, ..; `upper` marks
// the offers from the turn on. An offer is granted unless one that comes earlier is for the same
// bank: all pairs are compared at once. If reads are shared an offer is granted too that has bank and
// address of one that is granted; addresses are compared beside the choice, so that the longest path
// has an OR over the offers more. `blocked`: there is an offer that is not granted.
module f2f_gather_grant #(
    parameter P = 4,
    parameter LOG_B = 3,
    parameter ADDRESS = 5,
    parameter SHARED = 0
) (
    input  wire [P-1:0]         upper,
    input  wire [P-1:0]         offer,
    input  wire [P*LOG_B-1:0]   bank,
    input  wire [P*ADDRESS-1:0] address,
    output wire [P-1:0]         grant,
    output wire                 blocked
);
    wire [P-1:0] first_of_bank;
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
            assign first_of_bank[p] = offer[p] & ~(|earlier);
            if (SHARED != 0) begin : sharing
                wire [P-1:0] with_it;
                for (q = 0; q < P; q = q + 1) begin : other_word
                    wire same_word =
                        (bank[q*LOG_B +: LOG_B] == bank[p*LOG_B +: LOG_B])
                        & (address[q*ADDRESS +: ADDRESS] == address[p*ADDRESS +: ADDRESS]);
                    assign with_it[q] = first_of_bank[q] & same_word;
                end
                assign grant[p] = offer[p] & (|with_it);
            end else begin : alone
                assign grant[p] = first_of_bank[p];
            end
        end
    endgenerate
    assign blocked = |(offer & ~grant);
    wire unused = &{1'b0, address};
endmodule
