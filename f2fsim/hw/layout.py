"""Where the encoded streams of a layer lie in memory.

The streams of a band are read side by side at rates in proportion to their sizes.  Regions of
their own would bring two of them to different rows of one bank again and again, and each would
close the other's row.  So a band is one region, in which the streams take turns in proportion to
their bursts: what is read together lies together, and no burst is added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from f2fsim.hw.description import IntSeq, seq
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
    size = builder.burst_bytes
    bursts = {name: burst_bits(seq(bits), size)[0] for name, bits in sizes_bits.items()}
    totals = np.sum(list(bursts.values()), axis=0)
    bases = builder.allocate([8 * size * int(n) for n in totals])
    found: dict[str, list[Segments]] = {name: [] for name in sizes_bits}
    for band, base in enumerate(bases.tolist()):
        counts = {name: int(n[band]) for name, n in bursts.items()}
        for name, first, length in _turns(counts, max(1, PAGE_BYTES // size)):
            n_bits = 8 * size * length
            n_bits[-1:] += sizes_bits[name][band] - int(n_bits.sum())
            found[name].append(Segments(base + size * first, n_bits))
    return found


def _turns(counts: Mapping[str, int], page: int) -> list[tuple[str, IntSeq, IntSeq]]:
    """Return for each stream the first burst and the bursts of its pieces in the region.

    `counts` are the bursts of each stream, `page` those of a page: each turn fills about one.
    Turn j of J takes bursts ``floor(n j / J)`` to ``floor(n (j + 1) / J)`` of each stream.
    """
    filled = [name for name, n in counts.items() if n]
    n_turns = -(-sum(counts.values()) // page) if len(filled) > 1 else 1
    edges = {n: np.arange(n_turns + 1, dtype=np.int64) * counts[n] // n_turns for n in counts}
    at = np.sum([edge[:-1] for edge in edges.values()], axis=0)
    found = []
    for name, edge in edges.items():
        length = np.diff(edge)
        taken = length > 0
        found.append((name, at[taken], length[taken]))
        at = at + length
    return found
