// f2f_dealer: kept weights of a block or step to lanes, with the places that its mask gives them.
//
// Parameters
//   N       places of a block or step
//   LANES   weights a cycle, a power of two from 2
//   LOG_L   log2(LANES)
//   RANK    bits of a rank or place: ceil(log2(N)), at least LOG_L
//   BEAT    bits of a beat's number 0 .. ceil(N / LANES) - 1
//   KEPT    bits of a number of kept weights 0 .. N; in_less is one less, all ones for none
//   WEIGHT  bits of a weight
//   COUNT   bits of the field buffer's counts
//   PACKED  1: kept weights come packed, one a lane; 0: every place brings its own
//
// A mask with n kept weights takes max(1, ceil(n / LANES)) cycles; a cycle waits until the weights
// that it deals are visible. The mask stays at the head of its channel until its last cycle.
// late_data: {last cycle, weights in use, LANES x {place, weight}}, as f2f_pipe wants them: the
// registers of f2f_compact (generated) are its latency. Lanes that are not in use hold anything.
module f2f_dealer #(
    parameter N = 64,
    parameter LANES = 8,
    parameter LOG_L = 3,
    parameter RANK = 6,
    parameter BEAT = 3,
    parameter KEPT = 7,
    parameter WEIGHT = 8,
    parameter COUNT = 5,
    parameter PACKED = 1
) (
    input  wire                                        clk,
    input  wire                                        rst,
    input  wire                                        in_valid,
    output wire                                        in_ready,
    input  wire [KEPT-1:0]                             in_less,
    input  wire [N-1:0]                                in_mask,
    input  wire [(PACKED ? LANES : N)*WEIGHT-1:0]      in_weights,
    input  wire [COUNT-1:0]                            visible,
    output wire [COUNT-1:0]                            take,
    output wire                                        fire,
    output wire                                        out_valid,
    input  wire                                        out_ready,
    output wire [LANES*(RANK+WEIGHT)+LOG_L+1:0]        late_data
);
    localparam HEAD = LOG_L + 2;
    reg full;
    reg [BEAT-1:0] beat;
    wire none = &in_less;
    wire last = none | ({{32-BEAT{1'b0}}, beat} == ({{32-KEPT{1'b0}}, in_less} >> LOG_L));
    wire [31:0] rest = {{32-LOG_L{1'b0}}, in_less[LOG_L-1:0]} + 32'd1;
    wire [31:0] now = ~last ? LANES : none ? 32'd0 : rest;
    wire [31:0] n_visible = {{32-COUNT{1'b0}}, visible};
    wire supplied = last ? none | (n_visible >= rest) : (n_visible >= LANES);
    wire work = ~full | out_ready;
    assign fire = work & in_valid & supplied;
    assign in_ready = work & supplied & last;
    assign take = now[COUNT-1:0];
    assign out_valid = full;
    wire unused = &{1'b0, now};

    wire [LANES*RANK-1:0] places;
    wire [LANES*WEIGHT-1:0] weights;
    wire [HEAD-1:0] head;
    generate
        if (PACKED) begin : packed_weights
            wire [LANES-1:0] nothing;
            wire unused_payload = &{1'b0, nothing};
            f2f_compact compact (
                .clk(clk), .enable(work), .mask(in_mask), .beat(beat), .payload({N{1'b0}}),
                .beside({last, now[LOG_L:0], in_weights}),
                .places(places), .brought(nothing), .late({head, weights})
            );
        end else begin : own_weights
            f2f_compact compact (
                .clk(clk), .enable(work), .mask(in_mask), .beat(beat), .payload(in_weights),
                .beside({last, now[LOG_L:0]}),
                .places(places), .brought(weights), .late(head)
            );
        end
    endgenerate
    wire [LANES*(RANK+WEIGHT)-1:0] pairs;
    genvar i;
    generate
        for (i = 0; i < LANES; i = i + 1) begin : lane
            assign pairs[i*(RANK+WEIGHT) +: RANK+WEIGHT] =
                {places[i*RANK +: RANK], weights[i*WEIGHT +: WEIGHT]};
        end
    endgenerate
    assign late_data = {head, pairs};

    always @(posedge clk) begin
        if (rst) begin
            full <= 1'b0;
            beat <= {BEAT{1'b0}};
        end else begin
            if (work) full <= fire;
            if (fire) beat <= last ? {BEAT{1'b0}} : beat + 1'b1;
        end
    end
endmodule
