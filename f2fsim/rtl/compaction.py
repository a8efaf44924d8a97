"""Verilog that brings the kept ones of many places together: prefix sums and a moving network.

Used by the aligner of bitmap streams and by skipping arrays behind any decoder.
"""

from __future__ import annotations

from f2fsim.rtl.netlist import GATE, Netlist, Number, adder_levels, cut, prefix_sums, total
from f2fsim.rtl.text import bits_for

_COUNT = """\
// f2f_count: how many of {n} bits are set, less {less}, as a tree of adders, and the bits;
// {registers} cycles later; generated, do not edit.
module f2f_count (
    input  wire clk,
    input  wire [{top}:0] bits,
    output wire [{total_top}:0] total,
    output wire [{top}:0] late
);
{unused}{body}endmodule
"""

_COMPACT = """\
// f2f_compact: brings the kept ones of {n} places together, {lanes} of them at a time; generated,
// do not edit. Results come {registers} cycles later, the first of them when `enable` is high.
//
// Beat b gives the kept ones of rank {lanes} * b .. {lanes} * b + {last}, in order from lane 0:
// their places, and {payload} bits that come along with each (1 tied to 0 where there is nothing).
// Ranks are prefix sums of the mask. A kept one is moved towards place 0 by 1, 2, 4 .. places
// wherever that bit of its place differs from that bit of its rank, so that no two meet; that rank
// bit is then replaced by whether it moved. At the end the blocks of {lanes} places are laid over
// each other. `beside` comes along.
/* verilator lint_off UNUSEDSIGNAL */  // sums and items of places beyond the end are left over
module f2f_compact (
    input  wire clk,
    input  wire enable,
    input  wire [{top}:0] mask,
    input  wire [{beat_top}:0] beat,
    input  wire [{payload_top}:0] payload,
    input  wire [{beside_top}:0] beside,
    output wire [{places_top}:0] places,
    output wire [{brought_top}:0] brought,
    output wire [{beside_top}:0] late
);
{body}endmodule
/* verilator lint_on UNUSEDSIGNAL */
"""


def emit_count(n: int, stages: int = 1, less: int = 0) -> str:
    """Return module ``f2f_count`` of `n` bits, cut into `stages`; `less` is taken off the total."""
    net, width = Netlist("s"), bits_for(n)
    found = total(net, [Number(f"bits[{i}]", 1) for i in range(n)]).signal
    if less:
        found = net.wire(width, f"{found} - {width}'d{less}", adder_levels(width))
    body = net.staged({"bits": n}, {"total": found, "late": "bits"}, stages)
    unused = "" if stages > 1 else "    wire unused = &{1'b0, clk};\n"
    sizes = {
        "n": n,
        "top": n - 1,
        "total_top": bits_for(n) - 1,
        "registers": stages - 1,
        "less": less,
    }
    return _COUNT.format(**sizes, unused=unused, body=body)


def emit_compact(n: int, lanes: int, payload: int, beside: int, stages: int) -> str:
    """Return module ``f2f_compact``: `n` places, `lanes` (a power of two) at a time.

    It has `stages`, two at least; `beside` bits come along.
    """
    log_lanes, place_bits = bits_for(lanes - 1), bits_for(n - 1)
    beat_bits = bits_for(-(-n // lanes) - 1)
    net = Netlist("c")
    sums = prefix_sums(net, [Number(f"mask[{i}]", 1) for i in range(n)])
    valid, item = _start(net, sums, lanes, payload, beat_bits)
    for stage in range(log_lanes):
        valid, item = _move(net, valid, item, stage, log_lanes + payload)
    outputs = {"late": "beside"}
    for x in range(lanes):
        outputs |= _lane(net, valid, item, x, lanes, place_bits, payload)
    inputs = {"mask": n, "beat": beat_bits, "payload": n * payload, "beside": beside}
    return _COMPACT.format(
        n=n,
        lanes=lanes,
        last=lanes - 1,
        payload=payload,
        registers=stages - 1,
        top=n - 1,
        beat_top=beat_bits - 1,
        payload_top=n * payload - 1,
        beside_top=beside - 1,
        places_top=lanes * place_bits - 1,
        brought_top=lanes * payload - 1,
        body=net.staged(inputs, outputs, stages, "enable"),
    )


def _start(
    net: Netlist, sums: list[Number], lanes: int, payload: int, beat_bits: int
) -> tuple[list[str], list[str]]:
    """Return valid and item {payload, rank mod lanes} of each place in this beat."""
    n, log_lanes = len(sums), bits_for(lanes - 1)
    valid, item = [], []
    for x in range(n):
        rank = Number("1'b0", 0) if x == 0 else sums[x - 1]
        here = f"mask[{x}]"
        if n > lanes:
            here += f" & (beat == {cut(rank, log_lanes, beat_bits)})"
        valid.append(net.wire(1, here, 2 * GATE + bits_for(beat_bits)))
        brought = f"payload[{x * payload + payload - 1}:{x * payload}]"
        item.append(net.wire(payload + log_lanes, f"{{{brought}, {cut(rank, 0, log_lanes)}}}", 0))
    return valid, item


def _move(
    net: Netlist, valid: list[str], item: list[str], stage: int, width: int
) -> tuple[list[str], list[str]]:
    """Return valid and item after the moves by ``2**stage`` places."""
    new_valid, new_item = [], []

    def masked(gate: str, old: str, moved: int) -> str:
        high = f"{old}[{width - 1}:{stage + 1}], "
        low = f", {old}[{stage - 1}:0]" if stage else ""
        return f"({{{width}{{{gate}}}}} & {{{high}1'b{moved}{low}}})"

    for x in range(len(valid)):
        y, bit = x + (1 << stage), x >> stage & 1
        wanted = "" if bit else "~"
        # Two levels for the gate, two for the choice.
        stays = net.wire(1, f"{valid[x]} & {wanted}{item[x]}[{stage}]")
        flags, parts = [stays], [masked(stays, item[x], 0)]
        if y < len(valid):
            comes = net.wire(1, f"{valid[y]} & {wanted}{item[y]}[{stage}]")
            flags.append(comes)
            parts.append(masked(comes, item[y], 1))
        new_valid.append(net.wire(1, " | ".join(flags)))
        new_item.append(net.wire(width, " | ".join(parts)))
    return new_valid, new_item


def _lane(
    net: Netlist,
    valid: list[str],
    item: list[str],
    x: int,
    lanes: int,
    place_bits: int,
    payload: int,
) -> dict[str, str]:
    """Return the outputs of lane `x`: what lies at its place of each block, one at most."""
    log_lanes = bits_for(lanes - 1)
    there = list(range(x, len(valid), lanes))
    width = payload + log_lanes
    if not there:
        merged, blocks = f"{width}'d0", [f"{place_bits}'d0"]
    else:
        merged = " | ".join(item[y] for y in there)
        blocks = [
            f"({{{place_bits}{{{valid[y]}}}}} & {place_bits}'d{y - x})" for y in there if y > x
        ] or [f"{place_bits}'d0"]
    merging = GATE * bits_for(len(there))
    found = net.wire(width, merged, merging)
    # The place is the lane's own plus its block's plus the moves.
    moves = f"{{{place_bits - log_lanes}'d0, {found}[{log_lanes - 1}:0]}}"
    if place_bits == log_lanes:
        moves = f"{found}[{log_lanes - 1}:0]"
    block = net.wire(place_bits, " | ".join(blocks), merging)
    at = net.wire(place_bits, f"{block} + {moves} + {place_bits}'d{x}", adder_levels(place_bits))
    return {
        f"places[{x * place_bits + place_bits - 1}:{x * place_bits}]": at,
        f"brought[{x * payload + payload - 1}:{x * payload}]": (
            f"{found}[{width - 1}:{log_lanes}]"
        ),
    }
