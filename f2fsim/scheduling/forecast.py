"""Predicted cycles of plans, from the flows between memory, buffers and array.

A layer is a sequence of passes.  Its streams of weights, the loads of activations and the outputs
share the memory in equal parts, each through a buffer as large as the machine's; the array takes
what a pass takes and is slowed down by an empty buffer or a load that is not there.  Refresh, the
turns between reads and writes, whole bursts, latencies and the seam between two passes are in it;
rows and banks of the memory are not.  Between two events everything flows evenly (`_forecast.pyx`).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from f2fsim.config.arch import ArchConfig
from f2fsim.hw.dram import DramParams
from f2fsim.hw.dram.timing import FIELD_INDEX
from f2fsim.hw.front_ends import front_end_kind
from f2fsim.hw.streams import CHUNK_BITS, fill_width_bits
from f2fsim.scheduling import _forecast
from f2fsim.scheduling.candidates import Candidates
from f2fsim.scheduling.sizes import Sizes
from f2fsim.sharing import shared

Floats = NDArray[np.float64]

#: Share of a memory's peak that long streams get, refresh apart (``docs/dram.md``: within 3 %).
STREAM_SHARE = 0.98

#: Core cycles between two passes (the array's last step, its outputs, the next band's first burst)
#: and from the first weights to the array beside the front end's own pipeline: fitted here to
#: exhaustive runs (``python benchmarks/plans.py``).
SEAM_CYCLES = 1
START_CYCLES = 6

#: Plans whose predicted cycles are within this share of the fewest are equal: energy decides.
EQUAL_SHARE = 0.005

#: Energy of a bit from the scratchpad over one from DRAM: 5 to 640 pJ for 32 bits (Han et al., EIE,
#: ISCA 2016, table I).  Held weights are read, and decoded, again for every tile.
SCRATCHPAD_COST = 5 / 640

#: Factors on the cycles of front end and array where no run has told any.
NO_STRETCH = (1.0, 1.0)

#: Choices whose least cycles are beyond the best prediction by this factor are not gone through.
MARGIN = 0.995


@dataclass(frozen=True)
class Flows:
    """What flows through a machine a core cycle, in bits and cycles (order of `_forecast.pyx`)."""

    rate: float
    latency: float
    write_latency: float
    prefetch: float
    fill: float
    start: float
    depth: float
    seam: float
    burst: float
    refresh_interval: float
    refresh_length: float
    write_high: float
    write_low: float
    read_write: float
    write_read: float
    copies: float
    chunk: float
    turn: float

    def array(self) -> Floats:
        """Return the numbers."""
        return np.array(list(self.__dict__.values()))


@lru_cache(maxsize=64)
def flows_of(
    dram: DramParams, clock: int, prefetch: int, fill: int, pipeline: tuple[int, int], copies: int
) -> Flows:
    """Return the flows of a machine: bytes of prefetch, bits of fill, cycles of the front end.

    These are from the first step's weights to the array, and from table to table beside its load.
    """
    cycle = clock / dram.clock_hz
    burst = 8 * dram.burst_bytes
    rate = 8 * dram.peak_bytes_per_second / clock * STREAM_SHARE * sequential_share(dram)
    refreshes = dram.refresh and dram.n_ranks == 1
    queue = dram.n_channels * burst
    return Flows(
        rate=rate,
        latency=(dram.act_rd + dram.read_clocks) * cycle,
        write_latency=dram.write_clocks * cycle,
        prefetch=8 * prefetch,
        fill=fill,
        start=START_CYCLES,
        depth=pipeline[0],
        seam=SEAM_CYCLES,
        burst=burst,
        refresh_interval=dram.ref_interval * cycle,
        refresh_length=dram.ref_act * cycle if refreshes else 0.0,
        write_high=(dram.write_high + 1) * queue,
        write_low=dram.write_low * queue,
        read_write=dram.rd_wr * cycle,
        write_read=dram.wr_rd_s * cycle,
        copies=copies,
        chunk=max(CHUNK_BITS, min(fill, 8 * prefetch - burst)),
        turn=pipeline[1],
    )


def sequential_share(dram: DramParams) -> float:
    """Return the share of the peak that consecutive bursts of a stream get.

    Where they lie in one bank group, they are as far apart as the standard's long spacing.
    """
    lowest = next((field for field, at, _, bits in dram.mapping if at == 0 and bits), None)
    if lowest != FIELD_INDEX["column"]:
        return 1.0
    return min(1.0, dram.burst_clocks / max(dram.rd_rd_l, 1))


def machine_flows(arch: ArchConfig, dram: DramParams) -> Floats:
    """Return the numbers of the flows of an architecture."""
    return shared(arch, ("flows", dram), lambda: _machine_flows(arch, dram).array())


def _machine_flows(arch: ArchConfig, dram: DramParams) -> Flows:
    requested = 8 * dram.burst_bytes * arch.streams.requests_per_cycle
    fill = min(fill_width_bits(arch), requested)
    kind = front_end_kind(arch)
    depth, turn = kind.depth_cycles(arch.front_end, arch), kind.table_turn(arch.front_end, arch)
    copies = 2 if arch.scratchpad.double_buffered else 1
    return flows_of(dram, arch.clock, arch.streams.prefetch, fill, (depth, turn), copies)


def predicted_cycles(
    sizes: Sizes,
    dram: DramParams,
    choices: Candidates,
    margin: float = MARGIN,
    stretch: tuple[float, float] = NO_STRETCH,
) -> Floats:
    """Return the predicted cycles of choices.

    Infinity stands for choices that at least take more than the best prediction by the factor
    `margin`.  The cycles of the steps are stretched by factors, of front end and of array.
    """
    flows = machine_flows(sizes.arch, dram)

    def made() -> Floats:
        return _predicted(sizes, flows, choices, margin, stretch)

    # Capacities decide which choices there are, not how long they take.
    key = "cycles", _decided(sizes), flows.tobytes(), margin, stretch
    return shared(choices, key, made)


def _decided(sizes: Sizes) -> Hashable:
    """Return what decides the time of choices, beside them, the tensor and the memory."""
    return sizes.array.decided(sizes.arch), sizes.facts.is_dense, sizes.row_unit


def _predicted(
    sizes: Sizes, flows: Floats, choices: Candidates, margin: float, stretch: tuple[float, float]
) -> Floats:
    of_bands, of_tiles, steps = _passes(sizes, choices)
    found = np.empty(choices.n)
    _forecast.forecast(
        flows,
        _joined(np.array(sizes.stream_bits) / sizes.n_rows),
        of_bands,
        of_tiles,
        np.maximum(stretch[0] * steps[0], stretch[1] * steps[1]),
        float(sizes.activation_bits),
        choices.at,
        margin,
        EQUAL_SHARE,
        SCRATCHPAD_COST,
        found,
    )
    return found


def step_cycles(sizes: Sizes, choices: Candidates) -> Floats:
    """Return the cycles of the steps of front end and array alone, unstretched, (2, choices)."""
    of_bands, of_tiles, steps = _passes(sizes, choices)
    shape = of_bands.shape[0], 3, of_tiles.shape[0], 2
    each = np.einsum("ubitj,bi,tj->ubt", steps.reshape(2, *shape), of_bands[:, :3], of_tiles[:, :2])
    found: Floats = each[:, choices.at[:, 1], choices.at[:, 2]]
    return found


def _passes(sizes: Sizes, choices: Candidates) -> tuple[Floats, Floats, Floats]:
    """Return the tables of bands and tiles, and the cycles of passes over them."""

    def made() -> tuple[Floats, Floats, Floats]:
        of_bands, of_tiles = _bands(sizes, choices.bands), choices.tile_table.astype(np.float64)
        return of_bands, of_tiles, _pass_cycles(sizes, of_bands, of_tiles)

    return shared(choices, ("passes", _decided(sizes)), made)


def _joined(streams: Floats) -> Floats:
    """Return the bits of streams, neighbours put together where there are more than the kernel has.

    Decoders with a stream each have as many; their bits are all there, their buffers are not.
    """
    n = _forecast.MOST_STREAMS
    if streams.shape[0] <= n:
        return streams
    starts = np.arange(n) * streams.shape[0] // n
    joined: Floats = np.add.reduceat(streams, starts)
    return joined


def _bands(sizes: Sizes, counts: Sequence[int]) -> Floats:
    """Return counts, rows, portions of outputs, and bits and cycles of tables, (n, 15).

    Of each kind large, small and last bands.
    """
    table = sizes.band_table(counts)
    arch = sizes.arch
    portions = sizes.array.pass_steps(
        arch, arch.pe_array, sizes.facts, table[:, 3:], all_rows=sizes.is_all_rows
    )
    bits, cycles = sizes.front_end.pass_table(arch.front_end, sizes.facts, table[:, 3:])
    return np.concatenate([table, portions, bits, cycles], axis=1)


def _pass_cycles(sizes: Sizes, bands: Floats, tiles: Floats) -> Floats:
    """Return the cycles of a pass by size of band and of tile, (2, 3 bands, 2 tiles).

    First those of the front end, then those of the array.
    """
    rows, columns = bands[:, 3:6].reshape(-1, 1), tiles[:, 2:4].reshape(1, -1)
    arch = sizes.arch
    cycles = sizes.array.pass_cycles(arch, arch.pe_array, sizes.facts, rows, columns)
    shape = rows.shape[0], columns.shape[1]
    return np.maximum(np.stack([np.broadcast_to(one, shape) for one in cycles]), 1.0)
