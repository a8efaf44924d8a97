"""Verilog that deals packed entries to those of P receivers that take one."""

from __future__ import annotations

from f2fsim.rtl.netlist import MUX, Netlist, Number, cut, prefix_sums
from f2fsim.rtl.text import bits_for

_EXPAND = """\
// f2f_expand: deals packed entries to those of {n} PEs that are active; generated, do not edit.
//
// PE p takes the entry whose number is that of the active PEs before it: from p less the inactive
// ones before p, in moves by .., 4, 2, 1 places (that number never falls from PE to PE, so that
// moves share their multiplexers). PEs that are not active hold anything. `beside` comes along.
// Results come {registers} cycles later, the first of them when `enable` is high.
/* verilator lint_off UNUSEDSIGNAL */  // entries that nobody takes
module f2f_expand (
    input  wire clk,
    input  wire enable,
    input  wire [{top}:0] active,
    input  wire [{beside_top}:0] beside,
    input  wire [{data_top}:0] in_data,
    output wire [{data_top}:0] out_data,
    output wire [{top}:0] late_active,
    output wire [{beside_top}:0] late
);
{body}endmodule
/* verilator lint_on UNUSEDSIGNAL */
"""


def emit_expand(n: int, width: int, beside: int, stages: int) -> str:
    """Return module ``f2f_expand`` for `n` PEs and entries of `width` bits, cut into `stages`."""
    net = Netlist("e")
    idle = [Number(net.wire(1, f"~active[{i}]", 1), 1) for i in range(n)]
    sums = prefix_sums(net, idle)
    moves = [Number("1'b0", 0), *sums[:-1]]
    items = [net.wire(width, f"in_data[{i * width + width - 1}:{i * width}]", 0) for i in range(n)]
    for stage in reversed(range(bits_for(n - 1))):
        step = 1 << stage
        items = [
            net.wire(width, f"({cut(moves[i], stage, 1)}) ? {items[i - step]} : {items[i]}", MUX)
            if i >= step
            else items[i]
            for i in range(n)
        ]
    outputs = {
        f"out_data[{i * width + width - 1}:{i * width}]": item for i, item in enumerate(items)
    }
    outputs |= {"late_active": "active", "late": "beside"}
    inputs = {"active": n, "beside": beside, "in_data": n * width}
    return _EXPAND.format(
        n=n,
        top=n - 1,
        beside_top=beside - 1,
        data_top=n * width - 1,
        registers=stages - 1,
        body=net.staged(inputs, outputs, stages, "enable"),
    )
