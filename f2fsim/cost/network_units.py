"""What brings operands to lanes and sums to accumulators, as units of the Verilog with their sizes.

Index widths that only a layer tells are those of `f2fsim.cost.front_end_units`.
"""

from __future__ import annotations

from f2fsim.cost.counted import log2_of
from f2fsim.cost.front_end_units import INDEX_BITS, ROW_BITS
from f2fsim.cost.unit_spec import Units, unit

#: Bits of a sum on its way through the adders, and of a product.
SUM_BITS, PRODUCT_BITS = 32, 16
#: Between two registers: levels of adders, rows of comparators, rows of multiplexers.
TREE_LEVELS, SORTER_ROWS, BENES_ROWS = 2, 2, 8


def request_bits(weight_bits: int) -> int:
    """Return the bits of a gather's request: column, row, whether the row ends, and the weight."""
    return INDEX_BITS + ROW_BITS + 1 + weight_bits


def gathers(
    n_pes: int, n_banks: int, window: int, weight_bits: int, *, shares: bool = False
) -> Units:
    """Return windows of requests and the arbiter of banked gathers, whose reads may be shared."""
    log_banks = log2_of(n_banks)
    address = max(INDEX_BITS - log_banks, 1)
    payload = request_bits(weight_bits) - INDEX_BITS
    queue = {"WINDOW": window, "LOG_B": log_banks, "ADDRESS": address, "PAYLOAD": payload}
    return (unit("f2f_gather_queue", n_pes, **queue), *grants(n_pes, n_banks, shares=shares))


def grants(n_pes: int, n_banks: int, *, shares: bool = False) -> Units:
    """Return the arbiter that lets one PE to each bank, and the banks' addresses.

    If reads are shared all PEs that want the word of that one are let to it.
    """
    log_banks = log2_of(n_banks)
    sizes = {"P": n_pes, "LOG_B": log_banks, "ADDRESS": max(INDEX_BITS - log_banks, 1)}
    grant = unit("f2f_gather_grant", **sizes, SHARED=int(shares))
    return (grant, unit("f2f_gather_read", **sizes, BANKS=n_banks))


def crossbar(n_lanes: int, span: int, word_bits: int) -> Units:
    """Return a multiplexer of `span` words for each lane."""
    return (unit("f2f_select", n_lanes, SPAN=span, WIDTH=word_bits),)


def wide_reads(neighbours: int, word_bits: int) -> Units:
    """Return what turns two pieces of neighbouring words into place."""
    return (unit("f2f_wide_read", LOG_N=log2_of(neighbours), WIDTH=word_bits),)


def adder_tree(lanes: int, columns: int) -> Units:
    """Return the adder trees of all activation columns."""
    log = log2_of(lanes)
    sizes = {"LOG_N": log, "PRODUCT": PRODUCT_BITS, "SUM": SUM_BITS, "PER": TREE_LEVELS}
    return (unit("f2f_row_sums", columns, **sizes, STAGES=-(-log // TREE_LEVELS) - 1),)


def sorter(lanes: int, weight_bits: int) -> Units:
    """Return what puts kept weights in the order of their rows: row and in use, column, weight."""
    log = log2_of(lanes)
    stages = -(-(log * (log + 1) // 2) // SORTER_ROWS) - 1
    sizes = {"LOG_N": log, "KEY": INDEX_BITS + 1, "PAYLOAD": INDEX_BITS + weight_bits}
    return (unit("f2f_sorter", **sizes, PER=SORTER_ROWS, STAGES=stages),)


def benes(lanes: int, word_bits: int) -> Units:
    """Return what turns a group and puts it in the order of its rows, always the same places."""
    log = log2_of(lanes)
    rows = max(BENES_ROWS, log)
    sizes = {"LOG_N": log, "WIDTH": word_bits, "PER": rows}
    return (unit("f2f_benes", **sizes, STAGES=-(-(3 * log - 1) // rows) - 1),)


def benes_settings(lanes: int) -> int:
    """Return the register bits that say what a Benes network crosses, those of a layer."""
    log = log2_of(lanes)
    return (2 * log - 1) * (1 << log) // 2


def scatter(lanes: int, n_banks: int, columns: int) -> Units:
    """Return what brings a group's sums to the banks of their rows."""
    sizes = {"LOG_N": log2_of(lanes), "LOG_B": log2_of(n_banks)}
    sizes |= {"ADDRESS": max(INDEX_BITS - sizes["LOG_B"], 1), "WIDTH": SUM_BITS * columns}
    return (
        unit("f2f_scatter", **sizes),
        unit("f2f_scatter_bank", n_banks, **sizes),
    )


def registers_of(units: Units) -> int:
    """Return the flip-flops of units."""
    return sum(one.gates.dff for one in units)
