"""Quick estimate of an XOR decoder's cells from its matrix alone; needs no tool.

The estimate counts what the generated Verilog holds: the XORs of the matrix after sharing
(`f2fsim.cost.cse`), with the plane's invert signal as one more column, the registers of the current
and the previous words, and the pipeline's registers.  The constants below are calibrated on the
rows marked ``calibration`` of ``reports/hardware_cost/gates.csv``; ``docs/hardware_cost.md`` states
the error against synthesis on the others.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from f2fsim.cost.cells import GateCount
from f2fsim.cost.cse import share_xors
from f2fsim.errors import InputError

#: Synthesised XOR2 over the greedy count of an invertible decoder: the mean of the calibration.
INVERTIBLE_XOR2 = 1.083
#: NAND2 and INV cells of the enable and reset of one register.
REGISTER_NAND2, REGISTER_INV = 4, 1
#: Flip-flops of the handshake, with enable and reset.
HANDSHAKE_DFF = 1


def estimate_decoder_gates(
    matrix: NDArray[np.bool_],
    *,
    n_in: int,
    pipeline_depth: int = 1,
    invertible: bool = True,
) -> GateCount:
    """Return the estimated cells of one XOR decoder (one bit plane of one group).

    Parameters
    ----------
    matrix : ndarray of bool, shape (n_out, (n_s + 1) * n_in)
        Decoder matrix; column ``j * n_in + i`` multiplies bit i of the word j steps back.
    n_in : int
        Bits of an encoded word.
    pipeline_depth : int
        Cycles from accepting a word to its block at the decoder's output, at least 1; every cycle
        after the first costs ``n_out`` flip-flops.
    invertible : bool
        Whether a plane can be inverted at run time (one XOR an output).

    Raises
    ------
    InputError
        If the number of columns is no multiple of `n_in` or the depth is below 1.
    """
    n_out, n_columns = matrix.shape
    if n_in < 1 or n_columns % n_in or n_columns == 0:
        raise InputError(
            f"a decoder matrix needs a multiple of n_in = {n_in} columns, got {n_columns}"
        )
    if pipeline_depth < 1:
        raise InputError(f"pipeline_depth must be >= 1, got {pipeline_depth}")
    if invertible:
        columns = np.hstack([matrix, np.ones((n_out, 1), dtype=np.bool_)])
        xor2 = round(INVERTIBLE_XOR2 * share_xors(columns).n_xor2)
    else:
        xor2 = share_xors(matrix).n_xor2
    gated = n_columns + HANDSHAKE_DFF
    return GateCount(
        xor2=xor2,
        dff=gated + (pipeline_depth - 1) * n_out,
        nand2=REGISTER_NAND2 * gated,
        inv=REGISTER_INV * gated,
    )
