"""Verilog that finds kept weights by their number: ranks over a mask, compared."""

from __future__ import annotations

from f2fsim.rtl.netlist import Netlist, Number, cut, prefix_sums
from f2fsim.rtl.text import bits_for

_RANK_HOT = """\
// f2f_rank_hot: which of {n} weights is the kept one of each of {lanes} given numbers, one-hot: its
// rank, a prefix sum over the mask, is that number; generated, do not edit.
/* verilator lint_off UNUSEDSIGNAL */  // the sum of the whole mask
module f2f_rank_hot (
    input  wire [{top}:0] mask,
    input  wire [{kept_top}:0] kept,
    output wire [{hot_top}:0] hot
);
{body}endmodule
/* verilator lint_on UNUSEDSIGNAL */
"""


def emit_rank_hot(n: int, lanes: int) -> str:
    """Return module ``f2f_rank_hot`` for masks of `n` and `lanes` numbers at once."""
    net, bits = Netlist("r"), bits_for(n)
    sums = [Number("1'b0", 0), *prefix_sums(net, [Number(f"mask[{i}]", 1) for i in range(n)])]
    lines = [
        f"    assign hot[{lane * n + i}] = mask[{i}] & "
        f"(kept[{lane * bits + bits - 1}:{lane * bits}] == {cut(sums[i], 0, bits)});\n"
        for lane in range(lanes)
        for i in range(n)
    ]
    return _RANK_HOT.format(
        n=n,
        lanes=lanes,
        top=n - 1,
        kept_top=lanes * bits - 1,
        hot_top=lanes * n - 1,
        body=net.text() + "".join(lines),
    )
