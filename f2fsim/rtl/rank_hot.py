"""Verilog that finds kept weights by their number: a directory of ranks, ranks in groups, compared.

The directory holds the rank of every 16th weight (as succinct structures do, Jacobson 1989): it is
made a stage earlier, so that what is left is short.
"""

from __future__ import annotations

from f2fsim.rtl.netlist import Netlist, Number, cut, prefix_sums, total, widen
from f2fsim.rtl.text import bits_for

#: Weights of a group.
GROUP = 16

_RANK_BASE = """\
// f2f_rank_base: ranks of weights {group}, 2 * {group} .. of {n}, kept ones before them; generated,
// do not edit.
module f2f_rank_base (
    input  wire [{top}:0] mask,
    output wire [{base_top}:0] bases
);
{body}endmodule
"""

_RANK_HOT = """\
// f2f_rank_hot: which of {n} weights is the kept one of each of {lanes} given numbers, one-hot: the
// number less the rank of its group (bases) is its rank in the group; generated, do not edit.
/* verilator lint_off UNUSEDSIGNAL */  // the sum of a whole group
module f2f_rank_hot (
    input  wire [{top}:0] mask,
    input  wire [{kept_top}:0] kept,
    input  wire [{base_top}:0] bases,
    output wire [{hot_top}:0] hot
);
{body}endmodule
/* verilator lint_on UNUSEDSIGNAL */
"""


def base_bits(n: int) -> int:
    """Return the bits of the directory of a mask of `n`, at least 1."""
    return max(1, (-(-n // GROUP) - 1) * bits_for(n))


def emit_rank_base(n: int) -> str:
    """Return module ``f2f_rank_base`` for masks of `n`."""
    net, bits = Netlist("b"), bits_for(n)
    groups = [
        total(net, [Number(f"mask[{i}]", 1) for i in range(start, start + GROUP)])
        for start in range(0, n - GROUP, GROUP)
    ]
    sums = prefix_sums(net, groups) if groups else []
    lines = [
        f"    assign bases[{g * bits + bits - 1}:{g * bits}] = {widen(found, bits)};\n"
        for g, found in enumerate(sums)
    ] or ["    assign bases = 1'b0;\n    wire unused = &{1'b0, mask};\n"]
    if groups:
        rest = (len(groups)) * GROUP
        lines.append(f"    wire unused = &{{1'b0, mask[{n - 1}:{rest}]}};\n")
    return _RANK_BASE.format(
        group=GROUP,
        n=n,
        top=n - 1,
        base_top=base_bits(n) - 1,
        body=net.text() + "".join(lines),
    )


def emit_rank_hot(n: int, lanes: int) -> str:
    """Return module ``f2f_rank_hot`` for masks of `n` and `lanes` numbers at once."""
    net, bits = Netlist("r"), bits_for(n)
    lines = []
    for g, start in enumerate(range(0, n, GROUP)):
        size = min(GROUP, n - start)
        inner = [Number(f"mask[{start + i}]", 1) for i in range(size)]
        sums = [Number("1'b0", 0), *prefix_sums(net, inner)]
        for lane in range(lanes):
            wanted = f"kept[{lane * bits + bits - 1}:{lane * bits}]"
            if g:
                wanted = f"{wanted} - bases[{g * bits - 1}:{(g - 1) * bits}]"
            wanted = net.wire(bits, wanted)
            lines += [
                f"    assign hot[{lane * n + start + i}] = mask[{start + i}] & "
                f"({wanted} == {cut(sums[i], 0, bits)});\n"
                for i in range(size)
            ]
    return _RANK_HOT.format(
        n=n,
        lanes=lanes,
        top=n - 1,
        kept_top=lanes * bits - 1,
        base_top=base_bits(n) - 1,
        hot_top=lanes * n - 1,
        body=net.text() + "".join(lines),
    )
