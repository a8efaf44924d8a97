"""Masks by class of row and column: words by hand, round trips, sizes against the entropy, damage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from f2fsim.codec import BitStream
from f2fsim.codec.class_masks import density_classes
from f2fsim.codec.entropy import binary_entropy
from f2fsim.codec.f2f.orders import BlockOrder
from f2fsim.codec.masks import MaskShape, decode_mask, encode_mask, fit_mask
from f2fsim.errors import DataError, InputError


def bits_of(stream):
    return "".join(map(str, np.unpackbits(stream.data, count=stream.n_bits, bitorder="little")))


def uneven(seed, n_rows=192, n_cols=256):
    """A mask whose rows and columns are dense or sparse."""
    rng = np.random.default_rng(seed)
    rows = np.where(np.arange(n_rows) % 3, 0.25, 1.0)
    columns = np.where(np.arange(n_cols) % 2, 0.3, 1.0)
    return rng.random((n_rows, n_cols)) < 0.5 * np.outer(rows, columns)


def test_words_by_hand():
    # Row 0 is dense (class 1), row 1 sparse (class 0); one column class.
    mask = np.array([[1, 1, 0, 1, 1, 1], [0, 0, 0, 0, 1, 0]], dtype=np.bool_)
    params = {"order": 1, "n_rows": 2, "n_cols": 6, "step": 1, "row_bits": 1, "column_bits": 0}
    coded = encode_mask(mask.T.ravel(), "classes", unit=4, params=params)
    text = bits_of(coded.stream)
    sparse, dense = (int(text[at : at + 16][::-1], 2) for at in (0, 16))
    assert (sparse, dense) == (2, 1)
    assert text[32:34] == "10"
    # In the order of need, by column: runs 0 (dense), 4 (sparse, two twos and a rest of 0), 0, 1, 0,
    # 0, then after the sparse row's weight a run of 1 that nothing ends.
    assert text[34:] == "0" + "1100" + "0" + "10" + "0" + "0" + "01"
    assert coded.unit_bits.tolist() == [34 + 1 + 4 + 1, 2, 1 + 1 + 2]
    assert coded.unit_symbols.tolist() == [3, 1, 3]
    assert (decode_mask(coded.stream, 12, "classes", params) == mask.T.ravel()).all()


@settings(max_examples=60, deadline=None)
@given(
    n_rows=st.integers(1, 40),
    n_cols=st.integers(1, 40),
    kind=st.sampled_from(["row", "column", "diagonal"]),
    shuffle=st.sampled_from([None, 5]),
    bits=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    density=st.sampled_from([0.0, 0.03, 0.4, 1.0]),
    unit=st.integers(1, 90),
    seed=st.integers(0, 999),
)
def test_round_trip_in_every_order(n_rows, n_cols, kind, shuffle, bits, density, unit, seed):
    rng = np.random.default_rng(seed)
    mask = rng.random((n_rows, n_cols)) < density * rng.random((n_rows, 1)) * 2
    order = BlockOrder(kind, n_rows, n_cols, n_cols - 1 if n_cols > 2 else 1, shuffle)
    sequence, shape = order.mask_sequence(mask), order.mask_shape
    params = {"order": shape.order, "n_rows": n_rows, "n_cols": n_cols, "step": shape.step,
              "row_bits": bits[0], "column_bits": bits[1]}  # fmt: skip
    coded = encode_mask(sequence, "classes", unit=unit, params=params)
    assert (decode_mask(coded.stream, mask.size, "classes", params) == sequence).all()
    assert int(coded.unit_bits.sum()) == coded.stream.n_bits
    name, fitted, n_bits = fit_mask(sequence, "classes", shape)
    assert n_bits == encode_mask(sequence, name, unit=unit, params=fitted).stream.n_bits


@pytest.mark.parametrize("kind", ["row", "column", "diagonal"])
def test_uneven_masks_go_below_the_entropy_of_independent_positions(kind):
    mask = uneven(0)
    order = BlockOrder(kind, *mask.shape, 97 if kind == "diagonal" else 1)
    sequence = order.mask_sequence(mask)
    code, params, n_bits = fit_mask(sequence, "auto", order.mask_shape)
    assert (code, params["row_bits"], params["column_bits"]) == ("classes", 1, 1)
    independent = mask.size * binary_entropy(float(mask.mean()))
    own = sum(
        part.size * binary_entropy(float(part.mean()))
        for rows in (mask[::3], np.delete(mask, np.s_[::3], axis=0))
        for part in (rows[:, ::2], rows[:, 1::2])
    )
    assert own < n_bits < 1.02 * own + 64 + 192 + 256
    assert n_bits < 0.95 * independent
    assert n_bits < 0.96 * fit_mask(sequence, "rice")[2]


def test_even_masks_cost_less_than_one_percent():
    mask = np.random.default_rng(1).random((400, 500)) < 0.1
    _, params, n_bits = fit_mask(mask.ravel(), "classes", MaskShape(0, 400, 500))
    assert (params["row_bits"], params["column_bits"]) == (0, 0)
    assert n_bits < 1.01 * mask.size * binary_entropy(float(mask.mean()))


def test_classes_of_lines_rise_with_their_density():
    kept = np.array([500, 20, 510, 200, 19, 0])
    matrix = np.arange(1000) < kept[:, None]
    assert density_classes(matrix, 1, 0).tolist() == [0] * 6
    assert density_classes(matrix, 1, 1).tolist() == [1, 0, 1, 1, 0, 0]
    assert density_classes(matrix.T, 0, 1).tolist() == [1, 0, 1, 1, 0, 0]
    found = density_classes(matrix, 1, 2)
    assert (np.diff(found[np.argsort(kept, kind="stable")].astype(int)) >= 0).all()


def test_a_shape_that_does_not_fit_is_refused():
    params = {"order": 0, "n_rows": 3, "n_cols": 5, "step": 1, "row_bits": 0, "column_bits": 0}
    with pytest.raises(InputError, match="no shape of 12 weights"):
        encode_mask(np.ones(12, np.bool_), "classes", unit=4, params=params)
    coded = encode_mask(np.ones(15, np.bool_), "classes", unit=4, params=params)
    with pytest.raises(DataError, match="do not fit 14 weights"):
        decode_mask(coded.stream, 14, "classes", params)
    with pytest.raises(DataError, match="row_bits must be 0 to 2"):
        decode_mask(coded.stream, 15, "classes", {**params, "row_bits": 3})


def test_damage_is_refused_or_gives_another_mask():
    mask = uneven(2, 24, 40)
    shape = MaskShape(2, 24, 40, 17)
    coded = encode_mask(mask.ravel(), "classes", unit=64, shape=shape)
    rng = np.random.default_rng(3)
    refused = 0
    for _ in range(400):
        data = coded.stream.data.copy()
        at = int(rng.integers(coded.stream.n_bits))
        data[at >> 3] ^= np.uint8(1 << (at & 7))
        cut = coded.stream.n_bits - int(rng.integers(0, 40)) * int(rng.integers(2))
        data = data[: -(-cut // 8)]
        if cut % 8:
            data[-1] &= np.uint8((1 << cut % 8) - 1)
        try:
            decode_mask(BitStream(data, cut), mask.size, "classes", coded.params)
        except DataError:
            refused += 1
    assert refused > 300
