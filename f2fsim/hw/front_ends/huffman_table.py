"""The loader of Huffman tables: a pass's table is loaded while the one before is in use.

Its choices are read `COUNTED_A_CYCLE` symbols a cycle, as far as they are in a window of
`WINDOW_BITS`; symbols that occur wait in a memory with their lengths, which are counted meanwhile.
When the first rank of each length is known, a symbol a cycle goes to its place in the memories of
all decoders.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.huffman import HuffmanFormat
from f2fsim.codec.huffman_code import MAX_LENGTH, CanonicalCode, choice_bits
from f2fsim.cost import Sram
from f2fsim.hw.description import InPort, IntSeq, OutPort, seq
from f2fsim.hw.front_ends.contract import FrontEndJob

#: Bytes of a decoder's table of symbols; two of them, the one in use and the next one.
TABLE_BYTES, TABLE_COPIES = 256, 2
#: Symbols that the loader of the tables reads a cycle, and the bits of their choices at most.
COUNTED_A_CYCLE, WINDOW_BITS = 4, 32
#: Bits of a symbol that waits, with its length.
WAITING_BITS = 8 + MAX_LENGTH.bit_length()


def add_table(job: FrontEndJob, symbols: dict[int, IntSeq]) -> tuple[dict[int, InPort], int]:
    """Add the loader, whose items are passes; return each decoder's port, and symbols written.

    Pointers come first: where each decoder's stream begins and ends.
    """
    starts = job.steps.starts()
    n_passes = len(job.steps.passes)
    codes = [HuffmanFormat.table_of(encoded) for _, encoded in job.bands]
    cycles, n_used = (
        np.array([counted[band] for band, _ in job.steps.passes], dtype=np.int64)
        for counted in ([_load_cycles(code) for code in codes], [code.n_used for code in codes])
    )
    inputs = [
        replace(port, need=seq(np.add.reduceat(port.need, starts[:-1])))
        for name in ("codebook", "pointers")
        for port in job.stream(name)
    ]
    outputs, ports = [], {}
    for d, of_step in symbols.items():
        channel = job.builder.channel(f"code table {d}", TABLE_COPIES)
        active = of_step > 0
        first, last = _ends(active, starts)
        outputs.append(OutPort(channel, seq(np.add.reduceat(first, starts[:-1])), "tables in use"))
        ports[d] = InPort(channel, first, "table not loaded", last, release_at_end=True)
    n_written = int(n_used.sum())
    n_bytes = -(-n_written * WAITING_BITS // 8)
    actions = {"index_decode": 2 * n_written, "sram_write_byte": n_bytes, "sram_read_byte": n_bytes}
    job.builder.component(
        "code table", "code_table", seq(np.maximum(cycles, 1)), n_passes, inputs, outputs, actions
    )
    return ports, n_written


def table_groups(code: CanonicalCode) -> IntSeq:
    """Return the bits that the loader takes in each cycle, those of the head with the first."""
    found: list[int] = []
    n, bits = COUNTED_A_CYCLE, 0
    for width in choice_bits(code):
        if n == COUNTED_A_CYCLE or bits + width > WINDOW_BITS:
            found.append(0)
            n = bits = 0
        n, bits = n + 1, bits + width
        found[-1] = bits
    if found:
        found[0] += 2 * code.symbol_bits
    return np.array(found, dtype=np.int64)


def _load_cycles(code: CanonicalCode) -> int:
    """Return the cycles to load a table."""
    return table_groups(code).size + code.n_used


def table_memory() -> Sram:
    """Return the memory of symbols that wait with their lengths: as many banks as come a cycle."""
    return Sram(TABLE_BYTES * WAITING_BITS // 8, COUNTED_A_CYCLE)


def _ends(active: NDArray[np.bool_], starts: IntSeq) -> tuple[IntSeq, IntSeq]:
    """Return ones at the first and at the last active step of each pass that has any."""
    first, last = (np.zeros(active.shape[0], dtype=np.int64) for _ in range(2))
    at = np.flatnonzero(active)
    of_pass = np.searchsorted(starts, at, side="right")
    is_first = np.diff(of_pass, prepend=-1) > 0
    first[at[is_first]] = 1
    last[at[np.append(is_first[1:], True)]] = 1
    return first, last
