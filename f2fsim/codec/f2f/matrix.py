"""The decoder matrix over GF(2): random dense, sparse with taps, or the user's own.

``M`` is a bool array of shape ``(n_out, (n_s + 1) * n_in)``; column ``j * n_in + i`` multiplies bit
``i`` of ``w_(t-j)``, so the first ``n_in`` columns see the newest word.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from f2fsim.codec.f2f.splitmix import SplitMix64
from f2fsim.errors import ConfigError, in_a_line

MAX_N_IN = 16
MAX_N_OUT = 512
MAX_N_S = 63
_MAX_DRAWS = 64
_ROWS_AT_ONCE = 256

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class DecoderMatrix:
    """A checked decoder matrix.

    Attributes
    ----------
    bits : ndarray of bool, shape (n_out, (n_s + 1) * n_in)
        Read-only.  Column ``j * n_in + i`` multiplies bit ``i`` of the word ``j`` steps ago.
    n_in, n_out, n_s : int
        Encoded bits a step, decoded bits a step, words remembered beside the newest.

    Raises
    ------
    ConfigError
        If sizes are out of range, a row is zero, two rows are equal, or the rank is below
        ``min(n_out, (n_s + 1) * n_in)`` (one less for the register if all rows have an even
        number of ones: such a matrix cannot tell a register from its complement).
    """

    bits: BoolArray
    n_in: int
    n_out: int
    n_s: int

    def __post_init__(self) -> None:
        check_sizes(self.n_in, self.n_out, self.n_s)
        if self.bits.dtype != np.bool_ or self.bits.shape != (self.n_out, self.n_columns):
            raise ConfigError(
                f"decoder matrix: expected bool {(self.n_out, self.n_columns)} for n_in "
                f"{self.n_in}, n_out {self.n_out}, n_s {self.n_s}, got {self.bits.dtype} "
                f"{self.bits.shape}"
            )
        problem = find_problem(self.bits)
        if problem:
            raise ConfigError(f"decoder matrix: {problem}")
        frozen = self.bits.copy()
        frozen.setflags(write=False)
        object.__setattr__(self, "bits", frozen)

    @property
    def n_columns(self) -> int:
        """Register bits that the decoder sees: ``(n_s + 1) * n_in``."""
        return (self.n_s + 1) * self.n_in

    @property
    def n_taps(self) -> int:
        """Ones in the matrix; a row of k taps costs k - 1 XOR gates before sharing."""
        return int(np.count_nonzero(self.bits))

    @classmethod
    def random(
        cls, n_in: int, n_out: int, n_s: int, taps: str | int = "dense", seed: int = 0
    ) -> DecoderMatrix:
        """Draw a matrix from a seed; the same arguments give the same matrix on every machine.

        Parameters
        ----------
        n_in, n_out, n_s : int
            1 to 16, `n_in` to 512, 0 to 63.
        taps : "dense" or int
            ``"dense"``: each bit is fair.  An integer: that many ones a row, one in each of as
            many equal segments of the register, which starts at a random bit for each row.  Odd
            numbers use the whole register.
        seed : int
            Start of the SplitMix64 sequence.

        Raises
        ------
        ConfigError
            If sizes are out of range or no valid matrix of that kind is found.
        """
        check_sizes(n_in, n_out, n_s)
        n_columns = (n_s + 1) * n_in
        if n_columns < 10 and n_out > (1 << n_columns) - 1:
            raise ConfigError(
                f"n_out: {n_out} rows cannot all differ with {n_columns} register bits "
                f"(at most {(1 << n_columns) - 1})"
            )
        return _draw(n_in, n_out, n_s, taps, seed)

    @classmethod
    def from_rows(cls, rows: ArrayLike, n_in: int) -> DecoderMatrix:
        """Check a matrix that the user gives: any array of 0 and 1 with `n_in` known."""
        given = np.asarray(rows)
        if given.ndim != 2 or given.size == 0 or not np.isin(given, (0, 1)).all():
            raise ConfigError("decoder matrix: expected a two-dimensional array of 0 and 1")
        if n_in < 1 or given.shape[1] % n_in:
            raise ConfigError(
                f"decoder matrix: {given.shape[1]} columns are no multiple of n_in {n_in}"
            )
        return cls(given.astype(np.bool_), n_in, given.shape[0], given.shape[1] // n_in - 1)


def check_sizes(n_in: int, n_out: int, n_s: int) -> None:
    """Raise `ConfigError` if a size is out of range."""
    for name, value, low, high in (
        ("n_in", n_in, 1, MAX_N_IN),
        ("n_out", n_out, 1, MAX_N_OUT),
        ("n_s", n_s, 0, MAX_N_S),
    ):
        if not low <= value <= high:
            raise ConfigError(f"{name}: must be {low} to {high}, got {value}")
    if n_out < n_in:
        raise ConfigError(f"n_out: must be ≥ n_in ({n_in}), got {n_out}")


def find_problem(bits: BoolArray) -> str | None:
    """Return what is wrong with the rows of a matrix, or None."""
    zero = np.flatnonzero(~bits.any(axis=1))
    if zero.size:
        return f"row {int(zero[0])} is zero"
    first: dict[bytes, int] = {}
    for number, row in enumerate(bits):
        twin = first.setdefault(row.tobytes(), number)
        if twin != number:
            return f"rows {twin} and {number} are equal"
    even = not (bits.sum(axis=1) & 1).any()
    full = min(bits.shape[0], bits.shape[1] - even)
    rank = gf2_rank(bits)
    return None if rank == full else f"rank {rank} is below {full}"


def gf2_rank(bits: BoolArray) -> int:
    """Return the rank of a bool matrix over GF(2)."""
    n_words = -(-bits.shape[1] // 64)
    padded = np.zeros((bits.shape[0], n_words * 64), dtype=np.bool_)
    padded[:, : bits.shape[1]] = bits
    words = np.packbits(padded, axis=1, bitorder="little").view(np.uint64)
    rank = 0
    for column in range(bits.shape[1]):
        of_column = words[rank:, column // 64] & np.uint64(1 << (column % 64))
        rows = rank + np.flatnonzero(of_column)
        if rows.size:
            words[[rank, rows[0]]] = words[[rows[0], rank]]
            words[rows[1:]] ^= words[rank]
            rank += 1
    return rank


@lru_cache(maxsize=256)
def _draw(n_in: int, n_out: int, n_s: int, taps: str | int, seed: int) -> DecoderMatrix:
    n_columns = (n_s + 1) * n_in
    if taps != "dense" and (not isinstance(taps, int) or not 1 <= taps <= n_columns):
        raise ConfigError(f"taps: must be 'dense' or 1 to {n_columns}, got {in_a_line(taps)}")
    if isinstance(taps, int) and math.comb(n_columns, taps) < n_out:
        raise ConfigError(
            f"n_out: {n_out} rows cannot all differ with {taps} taps on {n_columns} register bits"
        )
    generator = SplitMix64(seed)
    for _ in range(_MAX_DRAWS):
        rows = _draw_rows(generator, n_out, n_columns, taps)
        if rows is not None and find_problem(rows) is None:
            return DecoderMatrix(rows, n_in, n_out, n_s)
    raise ConfigError(
        f"no decoder matrix with n_in {n_in}, n_out {n_out}, n_s {n_s}, taps {taps} and seed "
        f"{seed} has full rank and distinct rows; take more taps or a smaller "
        "n_out"
    )


def _draw_rows(
    generator: SplitMix64, n_out: int, n_columns: int, taps: str | int
) -> BoolArray | None:
    """Draw rows one after another, each again while it is zero or known; None if too unlucky."""
    known: dict[bytes, BoolArray | None] = {np.zeros(n_columns, dtype=np.bool_).tobytes(): None}
    left = _MAX_DRAWS * n_out
    while left:
        n = min(left, max(n_out, _ROWS_AT_ONCE))
        rows, n_numbers = (
            _dense_rows(generator, n, n_columns)
            if isinstance(taps, str)
            else _sparse_rows(generator, n, n_columns, taps)
        )
        for i, row in enumerate(rows):
            known.setdefault(row.tobytes(), row)
            if len(known) == n_out + 1:
                generator.step_back((n - 1 - i) * n_numbers)
                return np.array([row for row in known.values() if row is not None])
        left -= n
    return None


def _dense_rows(generator: SplitMix64, n: int, n_columns: int) -> tuple[BoolArray, int]:
    """Return rows of fair bits and the numbers that each was drawn from."""
    n_words = (n_columns + 63) // 64
    words = generator.draw(n * n_words).astype("<u8").reshape(n, n_words)
    bits = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little")
    return bits[:, :n_columns].astype(np.bool_), n_words


def _sparse_rows(generator: SplitMix64, n: int, n_columns: int, taps: int) -> tuple[BoolArray, int]:
    """Return rows of one 1 in each of `taps` segments, and the numbers each was drawn from."""
    edges = np.arange(taps + 1, dtype=np.int64) * n_columns // taps
    bounds = np.concatenate([[n_columns], np.diff(edges)])
    draws = generator.draw_below(np.tile(bounds, n)).reshape(n, taps + 1)
    rows = np.zeros((n, n_columns), dtype=np.bool_)
    places = (draws[:, :1] + edges[:-1] + draws[:, 1:]) % n_columns
    rows[np.arange(n)[:, np.newaxis], places] = True
    return rows, taps + 1
