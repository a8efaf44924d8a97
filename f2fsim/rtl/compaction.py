"""Verilog that brings the kept ones of many places together: prefix sums and a moving network.

Used by the aligner of bitmap streams and by skipping arrays behind any decoder.
"""

from __future__ import annotations

from f2fsim.rtl.netlist import Netlist, Number, cut, prefix_sums, total
from f2fsim.rtl.text import bits_for

_COUNT = """\
// f2f_count: how many of {n} bits are set, as a tree of adders; generated, do not edit.
module f2f_count (
    input  wire [{top}:0] bits,
    output wire [{total_top}:0] total
);
{body}endmodule
"""

_COMPACT = """\
// f2f_compact: brings the kept ones of {n} places together, {lanes} of them at a time; generated,
// do not edit.
//
// Beat b gives the kept ones of rank {lanes} * b .. {lanes} * b + {last}, in order from lane 0:
// their places, and {payload} bits that come along with each (1 tied to 0 where there is nothing).
// Ranks are prefix sums of the mask. A kept one is moved towards place 0 by 1, 2, 4 .. places
// wherever that bit of its place differs from that bit of its rank, so that no two meet; that rank
// bit is then replaced by whether it moved. At the end the blocks of {lanes} places are laid over
// each other.
/* verilator lint_off UNUSEDSIGNAL */  // sums and items of places beyond the end are left over
module f2f_compact (
    input  wire [{top}:0] mask,
    input  wire [{beat_top}:0] beat,
    input  wire [{payload_top}:0] payload,
    output wire [{places_top}:0] places,
    output wire [{brought_top}:0] brought
);
{body}endmodule
/* verilator lint_on UNUSEDSIGNAL */
"""


def emit_count(n: int) -> str:
    """Return module ``f2f_count`` of `n` bits."""
    net = Netlist("s")
    found = total(net, [Number(f"bits[{i}]", 1) for i in range(n)])
    body = net.text() + f"    assign total = {found.signal};\n"
    return _COUNT.format(n=n, top=n - 1, total_top=bits_for(n) - 1, body=body)


def emit_compact(n: int, lanes: int, payload: int) -> str:
    """Return module ``f2f_compact``: `n` places, `lanes` (a power of two) at a time."""
    log_lanes, place_bits = bits_for(lanes - 1), bits_for(n - 1)
    n_blocks = -(-n // lanes)
    beat_bits = bits_for(n_blocks - 1)
    ranks = Netlist("r")
    sums = prefix_sums(ranks, [Number(f"mask[{i}]", 1) for i in range(n)])
    net = Netlist("c")
    valid, item = _start(net, sums, lanes, payload, beat_bits)
    for stage in range(log_lanes):
        valid, item = _move(net, valid, item, stage, log_lanes + payload)
    lines = [_lane(net, valid, item, x, lanes, place_bits, payload) for x in range(lanes)]
    return _COMPACT.format(
        n=n,
        lanes=lanes,
        last=lanes - 1,
        payload=payload,
        top=n - 1,
        beat_top=beat_bits - 1,
        payload_top=n * payload - 1,
        places_top=lanes * place_bits - 1,
        brought_top=lanes * payload - 1,
        body=ranks.text() + net.text() + "".join(lines),
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
        valid.append(net.wire(1, here))
        brought = f"payload[{x * payload + payload - 1}:{x * payload}]"
        item.append(net.wire(payload + log_lanes, f"{{{brought}, {cut(rank, 0, log_lanes)}}}"))
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
) -> str:
    """Return the assignments of lane `x`: what lies at its place of each block, one at most."""
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
    found = net.wire(width, merged)
    # The place is the lane's own plus its block's plus the moves.
    moves = f"{{{place_bits - log_lanes}'d0, {found}[{log_lanes - 1}:0]}}"
    if place_bits == log_lanes:
        moves = f"{found}[{log_lanes - 1}:0]"
    at = net.wire(place_bits, f"({' | '.join(blocks)}) + {moves} + {place_bits}'d{x}")
    return (
        f"    assign places[{x * place_bits + place_bits - 1}:{x * place_bits}] = {at};\n"
        f"    assign brought[{x * payload + payload - 1}:{x * payload}] = "
        f"{found}[{width - 1}:{log_lanes}];\n"
    )
