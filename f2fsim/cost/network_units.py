"""What brings operands to lanes and sums to accumulators, as units of the Verilog with their sizes.

Index widths that only a layer tells are those of `f2fsim.cost.front_end_units`.
"""

from __future__ import annotations

from f2fsim.cost.counted import log2_of
from f2fsim.cost.front_end_units import INDEX_BITS, ROW_BITS
from f2fsim.cost.unit_spec import Units, unit


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
