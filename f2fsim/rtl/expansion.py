"""Verilog that deals packed entries to those of P receivers that take one."""

from __future__ import annotations

from f2fsim.rtl.netlist import Netlist, Number, cut, prefix_sums, total
from f2fsim.rtl.text import bits_for

_EXPAND = """\
// f2f_expand: deals packed entries to those of {n} PEs that are active; generated, do not edit.
//
// PE p takes the entry whose number is that of the active PEs before it: from p less the inactive
// ones before p, in moves by .., 4, 2, 1 places (that number never falls from PE to PE, so that
// moves share their multiplexers). PEs that are not active hold anything.
/* verilator lint_off UNUSEDSIGNAL */  // entries that nobody takes
module f2f_expand (
    input  wire [{top}:0] active,
    output wire [{count_top}:0] n_active,
    input  wire [{data_top}:0] in_data,
    output wire [{data_top}:0] out_data
);
{body}endmodule
/* verilator lint_on UNUSEDSIGNAL */
"""


def emit_expand(n: int, width: int) -> str:
    """Return module ``f2f_expand`` for `n` PEs and entries of `width` bits."""
    net = Netlist("e")
    found = total(net, [Number(f"active[{i}]", 1) for i in range(n)])
    idle = [Number(net.wire(1, f"~active[{i}]"), 1) for i in range(n)]
    sums = prefix_sums(net, idle)
    moves = [Number("1'b0", 0), *sums[:-1]]
    items = [f"in_data[{i * width + width - 1}:{i * width}]" for i in range(n)]
    for stage in reversed(range(bits_for(n - 1))):
        step = 1 << stage
        items = [
            net.wire(width, f"({cut(moves[i], stage, 1)}) ? {items[i - step]} : {items[i]}")
            if i >= step
            else items[i]
            for i in range(n)
        ]
    lines = [
        f"    assign out_data[{i * width + width - 1}:{i * width}] = {item};\n"
        for i, item in enumerate(items)
    ]
    return _EXPAND.format(
        n=n,
        top=n - 1,
        count_top=bits_for(n) - 1,
        data_top=n * width - 1,
        body=net.text() + "".join(lines) + f"    assign n_active = {found.signal};\n",
    )
