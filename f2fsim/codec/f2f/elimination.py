"""The elimination encoder: care bits are equations over GF(2) in a sliding window of unknowns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.f2f import _elimination
from f2fsim.codec.f2f.care import CareList
from f2fsim.codec.f2f.matrix import DecoderMatrix
from f2fsim.codec.f2f.threads import run

#: Steps whose solution is kept from one elimination, and further steps that it looks ahead.
CHUNK_STEPS = 2048
AHEAD_STEPS = 96

#: Most candidates of the search for equations to give up.
MAX_SEARCH = 256


def encode_elimination(
    matrix: DecoderMatrix,
    care: CareList,
    n_planes: int,
    n_groups: int = 1,
    n_threads: int = 1,
    search: int = 32,
    fill: NDArray[np.uint8] | None = None,
    chunk_steps: int = CHUNK_STEPS,
    ahead_steps: int = AHEAD_STEPS,
) -> NDArray[np.uint16]:
    """Return words whose decoding matches nearly all care bits.

    Parameters
    ----------
    matrix : DecoderMatrix
        The decoder.
    care : CareList
        Kept weights; bit p of a value is the care bit of plane p.
    n_planes : int
        Planes, 0 to 32.
    n_groups : int
        Interleaved decoders.
    n_threads : int
        Threads over groups.
    search : int
        Candidates kept while choosing which equations to give up, 0 to 256; 0: always the last
        one of a contradiction.
    fill : ndarray of uint8, shape (period,), optional
        Bits of a word that are used at step t mod period, the others are 0; by default all.
    chunk_steps, ahead_steps : int
        Steps whose words are kept from one elimination and steps that it looks ahead: they bound
        the memory.

    Returns
    -------
    words : ndarray of uint16, shape (n_blocks, n_planes)
    """
    sizes_fit = 0 <= n_planes <= 32 and n_groups >= 1 and 0 <= search <= MAX_SEARCH
    if not sizes_fit or chunk_steps < 1 or ahead_steps < 0:
        raise ValueError(
            f"n_planes must be 0 to 32, search 0 to {MAX_SEARCH}, n_groups, chunk_steps ≥ 1"
        )
    if care.n_out != matrix.n_out:
        raise ValueError("care list and matrix differ in n_out")
    words = np.zeros((care.n_blocks, n_planes), dtype=np.uint16)
    if not words.size or not care.n_kept:
        return words
    packed = np.tile(window_rows(matrix), 2)
    filled = np.array([matrix.n_in], dtype=np.uint8) if fill is None else fill

    def work(group: int) -> None:
        _elimination.encode(
            packed,
            matrix.n_in,
            matrix.n_s,
            care.block_ptr,
            care.pos,
            care.val,
            group,
            n_groups,
            chunk_steps,
            ahead_steps,
            search,
            filled,
            words,
        )

    run(work, range(min(n_groups, care.n_blocks)), n_threads)
    return words


def window_rows(matrix: DecoderMatrix) -> NDArray[np.uint64]:
    """Return the rows of a matrix as bit sets, the oldest unknown of the window at bit 0.

    Returns
    -------
    rows : ndarray of uint64, shape (n_out, n_words)
        ``n_words`` is the smallest power of two whose bits hold a row.
    """
    n_words = 1
    while n_words * 64 < matrix.n_columns:
        n_words *= 2
    by_age = matrix.bits.reshape(matrix.n_out, matrix.n_s + 1, matrix.n_in)[:, ::-1]
    padded = np.zeros((matrix.n_out, n_words * 64), dtype=np.uint8)
    padded[:, : matrix.n_columns] = by_age.reshape(matrix.n_out, matrix.n_columns)
    packed = np.packbits(padded, axis=1, bitorder="little")
    return np.ascontiguousarray(packed.view("<u8").astype(np.uint64))
