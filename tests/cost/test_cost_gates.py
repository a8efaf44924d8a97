"""Sharing keeps the function; its count and the quick estimate on cases worked by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from f2fsim.cost import GateCount, estimate_decoder_gates
from f2fsim.cost.cse import share_xors
from f2fsim.errors import InputError


def expand(network):
    """Columns that each row sums, by substituting shared signals."""
    signals = [{i} for i in range(network.n_inputs)]
    for a, b in network.shared:
        signals.append(signals[a] ^ signals[b])
    rows = []
    for row in network.rows:
        total = set()
        for signal in row:
            total ^= signals[signal]
        rows.append(total)
    return rows


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 20), st.integers(1, 16), st.floats(0.05, 0.95), st.integers(0, 2**32 - 1))
def test_the_network_is_the_matrix(n_rows, n_columns, density, seed):
    matrix = np.random.default_rng(seed).random((n_rows, n_columns)) < density
    network = share_xors(matrix)
    assert expand(network) == [set(np.flatnonzero(row)) for row in matrix]
    naive = sum(max(0, int(row.sum()) - 1) for row in matrix)
    assert network.n_xor2 <= naive
    assert network == share_xors(matrix)


def test_by_hand():
    # Rows abc, abd, ab: ab is shared once, then one XOR for each of the first two rows.
    matrix = np.array([[1, 1, 1, 0], [1, 1, 0, 1], [1, 1, 0, 0]], dtype=bool)
    network = share_xors(matrix)
    assert network.shared == ((0, 1),)
    assert network.rows == ((2, 4), (3, 4), (4,))
    assert network.n_xor2 == 3
    assert network.depth == 2
    # Not invertible: the 3 XORs; 4 columns of words, the handshake, a second stage of 3 outputs.
    gates = estimate_decoder_gates(matrix, n_in=2, pipeline_depth=2, invertible=False)
    assert gates == GateCount(xor2=3, dff=4 + 1 + 3, nand2=20, inv=5)
    # Invertible: (a + b) + invert is shared by all rows, then c and d: 4 XORs, calibrated.
    assert estimate_decoder_gates(matrix, n_in=4).xor2 == round(1.083 * 4)


def test_a_dense_matrix_shares_more_than_half():
    matrix = np.random.default_rng(3).random((80, 24)) < 0.5
    assert share_xors(matrix).n_xor2 < 0.5 * (matrix.sum() - 80)


def test_bad_shapes_are_refused():
    with pytest.raises(InputError, match="multiple of n_in = 3"):
        estimate_decoder_gates(np.ones((4, 8), bool), n_in=3)
    with pytest.raises(InputError, match="pipeline_depth"):
        estimate_decoder_gates(np.ones((4, 8), bool), n_in=4, pipeline_depth=0)
    with pytest.raises(ValueError, match="two dimensions"):
        share_xors(np.ones(4, bool))


def test_cell_arithmetic():
    one = GateCount(1, 2, 3, 4)
    assert one.times(2) + one == GateCount(3, 6, 9, 12)
