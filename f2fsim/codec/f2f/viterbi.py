"""The Viterbi encoder: the exact minimum of unmatched care bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.f2f import _viterbi
from f2fsim.codec.f2f.care import CareList
from f2fsim.codec.f2f.matrix import MAX_N_OUT, DecoderMatrix
from f2fsim.codec.f2f.threads import run
from f2fsim.errors import ConfigError

#: Largest ``n_in * n_s``: 2**16 states.
MAX_STATE_BITS = 16
#: Memory for the costs of past steps, for each thread.
COST_BYTES = 1 << 26


def encode_viterbi(
    matrix: DecoderMatrix,
    care: CareList,
    n_planes: int,
    n_groups: int = 1,
    n_threads: int = 1,
    filled: int | None = None,
    cost_bytes: int = COST_BYTES,
    direct: bool = False,
) -> tuple[NDArray[np.uint16], int]:
    """Return words with the fewest unmatched care bits that any words can have.

    Parameters
    ----------
    matrix, care, n_planes, n_groups
        As for `encode_elimination`; ``n_in * n_s`` at most 16.
    n_threads : int
        Threads over planes and groups.
    filled : int, optional
        Bits of a word that are used, the others are 0; by default all.
    cost_bytes : int
        Memory for the costs of past steps; it grows only while the best ways into all states
        have not met within it.
    direct : bool
        Take the textbook step that tries every transition: slow, for the benchmark.

    Returns
    -------
    words : ndarray of uint16, shape (n_blocks, n_planes)
    n_unmatched : int
        Unmatched care bits of all planes.

    Raises
    ------
    ConfigError
        If there are too many states.
    """
    if matrix.n_in * matrix.n_s > MAX_STATE_BITS:
        raise ConfigError(
            f"encoder: viterbi needs n_in * n_s ≤ {MAX_STATE_BITS}, got "
            f"{matrix.n_in} * {matrix.n_s}; use 'elimination'"
        )
    if not 0 <= n_planes <= 32 or n_groups < 1 or care.n_out != matrix.n_out:
        raise ValueError("n_planes must be 0 to 32, n_groups ≥ 1 and n_out the matrix's")
    words = np.zeros((care.n_blocks, n_planes), dtype=np.uint16)
    n_in = matrix.n_in if filled is None else filled
    if not words.size or not care.n_kept or not n_in:
        return words, int(np.bitwise_count(care.val).sum(dtype=np.int64))
    columns = _packed_columns(matrix, n_in)
    wide = _greatest_cost(care.n_u, matrix.n_s, n_groups) > 255
    n_states = 1 << (n_in * matrix.n_s)
    slots = min(max(cost_bytes // (n_states * (2 if wide else 1)), 16), 1 << 14)

    def work(job: tuple[int, int]) -> int:
        plane, group = job
        n_steps = (care.n_blocks - group + n_groups - 1) // n_groups
        return _viterbi.encode(
            columns,
            n_in,
            matrix.n_s,
            care.block_ptr,
            care.pos,
            care.val,
            plane,
            group,
            n_groups,
            n_steps,
            wide,
            slots,
            direct,
            words,
        )

    jobs = [(p, g) for p in range(n_planes) for g in range(min(n_groups, care.n_blocks))]
    return words, sum(run(work, jobs, n_threads))


def _greatest_cost(n_u: NDArray[np.int64], n_s: int, n_groups: int) -> int:
    """Return a bound of the numbers that a step handles, costs being relative to their minimum.

    Any state can be forced from the best way `n_s` steps ago, so costs before a step differ by no
    more than the care bits of the `n_s` steps before it; at the start all states but that of zeros
    cost one more than the care bits of the first `n_s` steps.  A step adds its own care bits, and
    the cells that no way reaches stand two above.
    """
    greatest = 0
    for group in range(min(n_groups, n_u.shape[0])):
        total = np.concatenate([[0], np.cumsum(n_u[group::n_groups])])
        window = total[min(n_s + 1, total.shape[0] - 1) :]
        spans = window - total[: window.shape[0]]
        start = total[min(n_s, total.shape[0] - 1)]
        greatest = max(greatest, int(spans.max()), int(2 * start + 1))
    return greatest + 2


def _packed_columns(matrix: DecoderMatrix, n_in: int) -> NDArray[np.uint64]:
    """Return the columns of the lowest `n_in` bits of each word as sets over the matrix's rows.

    Returns
    -------
    columns : ndarray of uint64, shape ((n_s + 1) * n_in, 8)
    """
    used = matrix.bits.reshape(matrix.n_out, matrix.n_s + 1, matrix.n_in)[:, :, :n_in]
    padded = np.zeros(((matrix.n_s + 1) * n_in, MAX_N_OUT), dtype=np.uint8)
    padded[:, : matrix.n_out] = used.reshape(matrix.n_out, -1).T
    packed = np.packbits(padded, axis=1, bitorder="little")
    return np.ascontiguousarray(packed.view("<u8").astype(np.uint64))
