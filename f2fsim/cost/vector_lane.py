"""Quick estimate of the cells of a lane of the vector unit."""

from __future__ import annotations

from f2fsim.cost.cells import GateCount

#: Bits of a vector lane.
LANE_BITS = 32


def estimate_vector_lane_gates() -> GateCount:
    """Return the cells of a vector lane: an adder that subtracts and compares too, a register.

    Textbook cells, not fitted to synthesis: a full adder (two XOR, three NAND), an XOR to subtract
    and a multiplexer (three NAND) to choose a bit, and a flip-flop a bit.
    """
    return GateCount(xor2=3 * LANE_BITS, dff=LANE_BITS, nand2=6 * LANE_BITS, inv=LANE_BITS)
