// f2f_gather_read: addresses of the banks for the offers that were granted.
//
// Parameters
//   P        offers
//   BANKS    banks, a power of two
//   LOG_B    log2(BANKS)
//   ADDRESS  bits of an address in a bank
//
// Of several that were granted one bank (shared reads) all have the same address.
module f2f_gather_read #(
    parameter P = 4,
    parameter BANKS = 8,
    parameter LOG_B = 3,
    parameter ADDRESS = 5
) (
    input  wire [P-1:0]             granted,
    input  wire [P*LOG_B-1:0]       bank,
    input  wire [P*ADDRESS-1:0]     address,
    output wire [BANKS-1:0]         bank_read,
    output wire [BANKS*ADDRESS-1:0] bank_address
);
    genvar p, b;
    generate
        for (b = 0; b < BANKS; b = b + 1) begin : of_bank
            localparam [LOG_B-1:0] NUMBER = b;
            wire [P-1:0] mine;
            wire [P*ADDRESS-1:0] addresses;
            for (p = 0; p < P; p = p + 1) begin : from_pe
                assign mine[p] = granted[p] & (bank[p*LOG_B +: LOG_B] == NUMBER);
                assign addresses[p*ADDRESS +: ADDRESS] =
                    {ADDRESS{mine[p]}} & address[p*ADDRESS +: ADDRESS];
            end
            assign bank_read[b] = |mine;
            f2f_any #(.N(P), .WIDTH(ADDRESS)) merged (
                .words(addresses), .any(bank_address[b*ADDRESS +: ADDRESS])
            );
        end
    endgenerate
endmodule
