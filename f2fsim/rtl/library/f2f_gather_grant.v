// f2f_gather_grant: which of P offers their banks take in this cycle, and the banks' addresses.
//
// Parameters
//   P        offers
//   TURN     bits of an offer's number
//   BANKS    banks, a power of two
//   LOG_B    log2(BANKS)
//   ADDRESS  bits of an address in a bank
//
// Every bank takes one offer, the first in the order turn, turn + 1, .. P - 1, 0, ..: an offer is
// granted unless one that comes earlier is for the same bank.
module f2f_gather_grant #(
    parameter P = 4,
    parameter TURN = 2,
    parameter BANKS = 8,
    parameter LOG_B = 3,
    parameter ADDRESS = 5
) (
    input  wire [TURN-1:0]          turn,
    input  wire [P-1:0]             offer,
    input  wire [P*LOG_B-1:0]       bank,
    input  wire [P*ADDRESS-1:0]     address,
    output wire [P-1:0]             grant,
    output wire [BANKS-1:0]         chosen,
    output wire [BANKS*ADDRESS-1:0] bank_address
);
    wire [P-1:0] upper;
    genvar p, q, b;
    generate
        for (p = 0; p < P; p = p + 1) begin : pe
            localparam [TURN-1:0] NUMBER = p;
            wire [P-1:0] blocked;
            if (p == P - 1) begin : top
                assign upper[p] = 1'b1;
            end else begin : lower
                assign upper[p] = (NUMBER >= turn);
            end
            for (q = 0; q < P; q = q + 1) begin : other
                if (q < p) begin : before
                    assign blocked[q] = offer[q]
                        & (bank[q*LOG_B +: LOG_B] == bank[p*LOG_B +: LOG_B])
                        & (upper[q] | ~upper[p]);
                end else if (q > p) begin : behind
                    assign blocked[q] = offer[q]
                        & (bank[q*LOG_B +: LOG_B] == bank[p*LOG_B +: LOG_B])
                        & upper[q] & ~upper[p];
                end else begin : own
                    assign blocked[q] = 1'b0;
                end
            end
            assign grant[p] = offer[p] & ~(|blocked);
        end
        for (b = 0; b < BANKS; b = b + 1) begin : of_bank
            localparam [LOG_B-1:0] NUMBER = b;
            wire [P-1:0] mine;
            wire [ADDRESS-1:0] merged [0:P];
            assign merged[0] = {ADDRESS{1'b0}};
            for (p = 0; p < P; p = p + 1) begin : from_pe
                assign mine[p] = grant[p] & (bank[p*LOG_B +: LOG_B] == NUMBER);
                assign merged[p+1] =
                    merged[p] | ({ADDRESS{mine[p]}} & address[p*ADDRESS +: ADDRESS]);
            end
            assign chosen[b] = |mine;
            assign bank_address[b*ADDRESS +: ADDRESS] = merged[P];
        end
    endgenerate
endmodule
