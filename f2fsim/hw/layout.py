"""Where the encoded streams of a layer lie in memory.

The streams of a band are read side by side at rates in proportion to their sizes.  Regions of
their own would bring two of them to different rows of one bank again and again, and each would
close the other's row.  So a band is one region, in which the streams take turns in proportion to
their bursts: what is read together lies together, and no burst is added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from f2fsim.hw.description import IntSeq
from f2fsim.hw.machine_builder import MachineBuilder

#: Bytes in which each stream of a band has its share.
PAGE_BYTES = 4096


@dataclass(frozen=True, eq=False)
class Segments:
    """Pieces of memory that hold one stream of a band, in order: byte addresses and bits."""

    addresses: IntSeq
    n_bits: IntSeq


def burst_bits(n_bits: IntSeq, burst_bytes: int) -> tuple[IntSeq, IntSeq]:
    """Cut segments into bursts.

    Returns
    -------
    n_bursts : IntSeq, shape (n_segments,)
        Bursts of each segment, the last one possibly part filled.
    last_bits : IntSeq, shape (n_segments,)
        Payload bits of each segment's last burst.
    """
    size = 8 * burst_bytes
    n_bursts = -(-n_bits // size)
    return n_bursts, n_bits - (n_bursts - 1) * size


def band_segments(
    builder: MachineBuilder, sizes_bits: Mapping[str, Sequence[int]]
) -> Mapping[str, list[Segments]]:
    """Give every row band a region and share it out among its streams.

    Parameters
    ----------
    builder : MachineBuilder
        Hands out the addresses.
    sizes_bits : mapping of str to sequence of int
        Bits of each stream in each band.

    Returns
    -------
    mapping of str to list of Segments
        For each stream, its pieces of each band.
    """
    size, page = builder.burst_bytes, max(1, PAGE_BYTES // builder.burst_bytes)
    bits = {name: np.array(of_bands, dtype=np.int64) for name, of_bands in sizes_bits.items()}
    counts = {name: burst_bits(of_bands, size)[0] for name, of_bands in bits.items()}
    totals = np.sum(list(counts.values()), axis=0)
    bases = builder.allocate((8 * size * totals).tolist())
    n_filled = np.sum([n > 0 for n in counts.values()], axis=0)
    turns = _Turns.of_bands(np.where(n_filled > 1, -(-totals // page), 1))
    at = bases[turns.band] + size * np.sum([turns.first(n) for n in counts.values()], axis=0)
    found: dict[str, list[Segments]] = {}
    for name, n in counts.items():
        length = turns.first(n, 1) - turns.first(n)
        taken = length > 0
        ends = np.cumsum(np.bincount(turns.band[taken], minlength=n.shape[0]))
        n_bits = 8 * size * length[taken]
        n_bits[ends[n > 0] - 1] -= (8 * size * n - bits[name])[n > 0]
        pieces = at[taken]
        cuts = [0, *ends.tolist()]
        found[name] = [Segments(pieces[i:k], n_bits[i:k]) for i, k in pairwise(cuts)]
        at = at + size * length
    return found


@dataclass(frozen=True, eq=False)
class _Turns:
    """Turns of streams in the regions of bands: each fills about a page.

    Turn j of J takes bursts ``floor(n j / J)`` to ``floor(n (j + 1) / J)`` of a stream of n.

    Attributes
    ----------
    band, number, of : ndarray of int64, shape (n_turns,)
        The band of each turn, its number in it, and the turns of that band.
    """

    band: IntSeq
    number: IntSeq
    of: IntSeq

    @classmethod
    def of_bands(cls, n_turns: IntSeq) -> _Turns:
        """Return the turns of bands of so many."""
        band = np.repeat(np.arange(n_turns.shape[0]), n_turns)
        before = np.cumsum(n_turns) - n_turns
        return cls(band, np.arange(band.shape[0]) - before[band], n_turns[band])

    def first(self, n_bursts: IntSeq, later: int = 0) -> IntSeq:
        """Return the first burst of each turn, or of a `later` one, of a band's `n_bursts`."""
        found: IntSeq = (self.number + later) * n_bursts[self.band] // self.of
        return found
