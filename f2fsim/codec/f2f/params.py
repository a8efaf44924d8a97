"""Parameters of an F2F format: frozen, checked, and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from f2fsim.codec.f2f.elimination import MAX_SEARCH
from f2fsim.codec.f2f.matrix import DecoderMatrix, check_sizes
from f2fsim.codec.f2f.orders import ORDERS, BlockOrder, golden_step
from f2fsim.codec.f2f.value_code import MAX_CODEWORD_BITS
from f2fsim.codec.f2f.viterbi import MAX_STATE_BITS
from f2fsim.codec.masks import check_mask_code
from f2fsim.codec.tensor import WeightType
from f2fsim.errors import ConfigError, InputError, choices, in_a_line, near_miss

ENCODERS = ("elimination", "viterbi")
VALUE_CODES = ("none", "classes", "auto")
MAX_GROUPS = 4096


@dataclass(frozen=True)
class F2FParams:
    """What defines an F2F encoding beside the tensor.

    Attributes
    ----------
    n_in, n_out, n_s : int
        Encoded bits, decoded bits and remembered words of a decoder (1-16, `n_in`-512, 0-63).
    taps : "dense" or int
        Dense random decoder matrix, or that many ones a row.
    seed : int
        Seed of the matrix.
    rows : tuple of str, optional
        The user's matrix in place of `taps` and `seed`: a hexadecimal number a row, bit c is
        column c (`matrix_rows` makes it from an array).
    encoder : str
        ``elimination`` (any `n_s`) or ``viterbi`` (exact, ``n_in * n_s ≤ 16``).
    search : int
        Candidates that the elimination encoder keeps while it chooses which equations to give
        up (0: none, the last equation of each contradiction).
    order : str
        ``row``, ``column`` or ``diagonal``.
    order_step : int, optional
        Step of the diagonal order; by default the golden step of the tensor's columns.
    shuffle_seed : int, optional
        Seed of a row shuffle; by default rows stay as they are.
    n_groups : int
        Interleaved decoder groups, each with registers of its own.
    mask_code : str
        A mask code, or ``auto``.
    invert : bool
        Store planes with mostly ones complemented.
    value_code : str
        ``none`` (the bits of the patterns on planes of `n_in` bits a step), ``classes`` (a value
        code chosen for the tensor, each plane at a rate of its own up to `n_in`), or ``auto`` for
        the one of fewer bits.
    spare_planes : int
        Planes of a value code beyond the bits of a weight, at most: codewords are no longer.
    """

    n_in: int = 8
    n_out: int = 80
    n_s: int = 7
    taps: str | int = "dense"
    seed: int = 1
    rows: tuple[str, ...] | None = None
    encoder: str = "elimination"
    search: int = 32
    order: str = "diagonal"
    order_step: int | None = None
    shuffle_seed: int | None = None
    n_groups: int = 1
    mask_code: str = "raw"
    invert: bool = True
    value_code: str = "none"
    spare_planes: int = MAX_CODEWORD_BITS

    def __post_init__(self) -> None:
        self._check_types()
        check_sizes(self.n_in, self.n_out, self.n_s)
        _check_choice("encoder", self.encoder, ENCODERS)
        _check_choice("order", self.order, ORDERS)
        _check_choice("value_code", self.value_code, VALUE_CODES)
        if self.encoder == "viterbi" and self.n_in * self.n_s > MAX_STATE_BITS:
            raise ConfigError(
                f"encoder: viterbi needs n_in * n_s ≤ {MAX_STATE_BITS}, got "
                f"{self.n_in} * {self.n_s}; use 'elimination'"
            )
        if self.taps != "dense" and not isinstance(self.taps, int):
            raise ConfigError(f"taps: must be 'dense' or an integer, got {in_a_line(self.taps)}")
        try:
            if self.mask_code != "auto":
                check_mask_code(self.mask_code)
        except InputError as error:
            raise ConfigError(f"mask_code: {error}") from None

    def _check_types(self) -> None:
        ranges: dict[str, tuple[int, int]] = {
            "n_in": (1, 16),
            "n_out": (1, 512),
            "n_s": (0, 63),
            "seed": (0, (1 << 64) - 1),
            "search": (0, MAX_SEARCH),
            "n_groups": (1, MAX_GROUPS),
            "spare_planes": (0, MAX_CODEWORD_BITS),
        }
        optional: dict[str, tuple[int, int]] = {
            "order_step": (1, 1 << 40),
            "shuffle_seed": (0, (1 << 64) - 1),
        }
        for key, (low, high) in {**ranges, **optional}.items():
            value = getattr(self, key)
            if value is None and key in optional:
                continue
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                raise ConfigError(f"{key}: must be {low} to {high}, got {in_a_line(value)}")
        if not isinstance(self.invert, bool):
            raise ConfigError(f"invert: must be true or false, got {in_a_line(self.invert)}")

    def most_codeword_bits(self, weight_type: WeightType) -> int:
        """Return the bits of the longest codeword that a value code may have."""
        return min(weight_type.n_bits + self.spare_planes, MAX_CODEWORD_BITS)

    @cached_property
    def matrix(self) -> DecoderMatrix:
        """The decoder matrix."""
        if self.rows is None:
            return DecoderMatrix.random(self.n_in, self.n_out, self.n_s, self.taps, self.seed)
        # A damaged encoding may have anything for a row, unhashable things too.
        known = all(isinstance(row, str) for row in self.rows)
        read = _known_matrix if known else _matrix_from_hex
        return read(self.rows, self.n_in, self.n_out, self.n_s)

    def block_order(self, shape: tuple[int, int]) -> BlockOrder:
        """Return the block order for a matrix of this shape."""
        step = 1
        if self.order == "diagonal":
            step = self.order_step if self.order_step is not None else golden_step(shape[1])
        return BlockOrder(self.order, shape[0], shape[1], step, self.shuffle_seed)

    def to_json(self) -> dict[str, Any]:
        """Return the parameters that a decoder needs, JSON-serialisable."""
        keys = ("n_in", "n_out", "n_s", "taps", "seed", "order", "n_groups")
        out: dict[str, Any] = {key: getattr(self, key) for key in keys}
        if self.shuffle_seed is not None:
            out["shuffle_seed"] = self.shuffle_seed
        if self.rows is not None:
            out["rows"] = list(self.rows)
        return out


def matrix_rows(matrix: DecoderMatrix) -> tuple[str, ...]:
    """Return a matrix as the `rows` of `F2FParams`."""
    packed = np.packbits(matrix.bits[:, ::-1], axis=1)
    pad = -matrix.n_columns % 8
    return tuple(f"{int.from_bytes(row.tobytes(), 'big') >> pad:x}" for row in packed)


def _matrix_from_hex(rows: tuple[str, ...], n_in: int, n_out: int, n_s: int) -> DecoderMatrix:
    n_columns = (n_s + 1) * n_in
    if len(rows) != n_out:
        raise ConfigError(f"rows: expected n_out = {n_out} rows, got {len(rows)}")
    bits = np.zeros((n_out, n_columns), dtype=np.bool_)
    for i, text in enumerate(rows):
        try:
            value = int(text, 16)
        except (TypeError, ValueError):
            raise ConfigError(
                f"rows: row {i} is no hexadecimal number: {in_a_line(text)}"
            ) from None
        if value < 0 or value >> n_columns:
            raise ConfigError(f"rows: row {i} has more than {n_columns} columns")
        bits[i] = [(value >> c) & 1 for c in range(n_columns)]
    return DecoderMatrix(bits, n_in, n_out, n_s)


#: The bands of a layer, and its trials, have the same matrix.
_known_matrix = lru_cache(maxsize=64)(_matrix_from_hex)


def _check_choice(key: str, value: str, known: tuple[str, ...]) -> None:
    if not isinstance(value, str) or value not in known:
        raise ConfigError(
            f"{key}: unknown {in_a_line(value)}{near_miss(str(value), known)}; "
            f"known: {choices(known)}"
        )
