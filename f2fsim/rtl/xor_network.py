"""Verilog of the decoder matrix: two-input XORs, common subexpressions shared."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from f2fsim.cost.cse import share_xors

ZERO = "1'b0"

_XOR_HEADER = """\
// f2f_xor: y = M . w over GF(2); generated, do not edit.
//
//   N_IN  {n_in}   N_OUT  {n_out}   N_S  {n_s}   taps  {n_taps}
//   {n_xor2} two-input XORs after sharing ({n_shared} shared), {depth} on the longest path
//
// w[j*N_IN + i] is bit i of the word j steps back. One procedure in place of an assignment a
// signal: event-driven simulators then evaluate the network once a word, without glitches.
module f2f_xor (
    input  wire [{w_top}:0] w,
    output reg  [{y_top}:0] y
);
    reg [{y_top}:0] sum;
"""


def emit_xor(matrix: NDArray[np.bool_], n_in: int) -> str:
    """Return module ``f2f_xor``: the matrix as shared two-input XORs."""
    network = share_xors(matrix)
    n = network.n_inputs

    def signal(s: int) -> str:
        return f"w[{s}]" if s < n else f"t[{s - n}]"

    text = _XOR_HEADER.format(
        n_in=n_in,
        n_out=matrix.shape[0],
        n_s=matrix.shape[1] // n_in - 1,
        n_taps=int(matrix.sum()),
        n_xor2=network.n_xor2,
        n_shared=len(network.shared),
        depth=network.depth,
        w_top=n - 1,
        y_top=matrix.shape[0] - 1,
    )
    if network.shared:
        text += f"    reg [{len(network.shared) - 1}:0] t;\n"
    text += "    always @(w) begin\n"
    for i, (a, b) in enumerate(network.shared):
        text += f"        t[{i}] = {signal(a)} ^ {signal(b)};\n"
    for i, row in enumerate(network.rows):
        text += f"        sum[{i}] = {' ^ '.join(map(signal, row)) or ZERO};\n"
    text += "        y = sum;\n    end\n"
    return text + "endmodule\n"
