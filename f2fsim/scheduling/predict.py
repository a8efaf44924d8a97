"""Predicted cycles of many plans at once, for the choice between them.

A layer is a chain of intervals, one a load of activations.  While an interval computes, the next
load, the interval's weights and the outputs of the interval before share the memory; an interval
takes as long as the slowest of array, memory and fill.  In front of the chain stands the first
load, behind it the outputs that are left.  Exhaustive simulation (``schedule: exhaustive``) is the
reference that the choice is held against.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from f2fsim.hw.dram import DramParams
from f2fsim.hw.dram.timing import FIELD_INDEX
from f2fsim.hw.front_ends import fetched
from f2fsim.hw.streams import fill_width_bits
from f2fsim.scheduling.candidates import Candidates
from f2fsim.scheduling.sizes import BAND_ALIGNMENT_BITS, Sizes

FloatArray = NDArray[np.float64]

#: Share of a memory's peak that long streams get, refresh apart (``docs/dram.md``: within 3 %).
STREAM_SHARE = 0.98


#: Core cycles that every further load, and every further pass, costs beside its bits: a load waits
#: for the memory's latency in part, a pass begins at a burst and a row of its own.  A cycle less
#: for every `HIDING_CYCLES` of its length.  Fitted here to exhaustive runs
#: (``python benchmarks/plans.py``).
LOAD_CYCLES = 18
PASS_CYCLES = 9
HELD_CYCLES = 4  # of a pass whose weights come from the scratchpad, of whatever length
HIDING_CYCLES = 25


@dataclass(frozen=True)
class Rates:
    """Bits a core cycle of memory and scratchpad fill, and the memory's latency in core cycles."""

    memory: float
    fill: float
    latency: float

    @classmethod
    def of(cls, sizes: Sizes, dram: DramParams) -> Rates:
        """Return the rates of a machine."""
        clock = sizes.arch.clock
        share = STREAM_SHARE * _sequential_share(dram)
        if dram.refresh and dram.n_ranks == 1:
            share *= 1 - dram.ref_act / dram.ref_interval
        memory = 8 * dram.peak_bytes_per_second / clock * share
        fill = min(fill_width_bits(sizes.arch), 8 * dram.burst_bytes * _requests(sizes))
        first = dram.read_latency + dram.burst_clocks + dram.act_rd
        return cls(memory, fill, first * clock / dram.clock_hz)


def _sequential_share(dram: DramParams) -> float:
    """Return the share of the peak that consecutive bursts of a stream get.

    Where they lie in one bank group, they are as far apart as the standard's long spacing.
    """
    lowest = next((field for field, at, _, bits in dram.mapping if at == 0 and bits), None)
    if lowest != FIELD_INDEX["column"]:
        return 1.0
    return min(1.0, dram.burst_clocks / max(dram.rd_rd_l, 1))


def _requests(sizes: Sizes) -> int:
    return sizes.arch.streams.requests_per_cycle


@dataclass(frozen=True)
class _Split:
    """A count dealt out evenly: the larger and the smaller share, and how many of each."""

    sizes: FloatArray  # (2, n)
    counts: FloatArray  # (2, n)


def _split(n: int, parts: NDArray[np.int64], unit: int = 1) -> _Split:
    units = -(-n // unit)
    small, extra = np.divmod(units, parts)
    sizes = np.stack([small + (extra > 0), small]) * float(unit)
    counts = np.stack([extra + parts * (extra == 0), (parts - extra) * (extra > 0)])
    return _Split(sizes, counts.astype(np.float64))


@dataclass(frozen=True)
class _Work:
    """What passes of the larger and the smaller bands and tiles compute and move.

    Attributes
    ----------
    bands, tiles : _Split
    cycles, outputs : ndarray of float, shape (2, 2, choices)
        Cycles of a pass by size of band and tile; bits that it writes.
    last : ndarray of float, shape (2, 2, choices)
        Bits of its outputs that leave with its last step.
    inputs : ndarray of float, shape (2, choices)
        Bits of a load by size of tile.
    weights : ndarray of float, shape (choices,)
        Bits of a band's streams.
    """

    bands: _Split
    tiles: _Split
    cycles: FloatArray
    outputs: FloatArray
    last: FloatArray
    inputs: FloatArray
    weights: FloatArray


def predicted_cycles(sizes: Sizes, dram: DramParams, choices: Candidates) -> FloatArray:
    """Return the predicted cycles of each choice, shape (choices,)."""
    rates = Rates.of(sizes, dram)
    bands = _split(sizes.n_rows, choices.n_bands, sizes.row_unit)
    tiles = _split(sizes.n_columns, choices.n_tiles)
    outputs = bands.sizes[:, None] * tiles.sizes[None] * sizes.activation_bits
    steps = sizes.array.pass_steps(
        sizes.arch, sizes.arch.pe_array, sizes.facts, bands.sizes, all_rows=sizes.is_all_rows
    )
    work = _Work(
        bands,
        tiles,
        _pass_cycles(sizes, bands, tiles),
        outputs,
        outputs / steps[:, None],
        sizes.input_bits(tiles.sizes.astype(np.int64)).astype(np.float64),
        sizes.expected_bits / choices.n_bands + BAND_ALIGNMENT_BITS / 2,
    )
    # While the first load comes in, the streams of the weights fill their buffers beside it.
    at_once = np.minimum(work.inputs[0], 8.0 * sizes.arch.streams.prefetch)
    early = np.minimum(sizes.expected_bits, len(fetched(sizes.arch)) * at_once)
    single = sizes.copies == 1
    streams = (choices.n_tiles == 1) | ~choices.holds
    body = np.where(
        streams,
        _streamed(choices, work, rates, single, early),
        _held(work, rates, sizes, single, early),
    )
    first = rates.latency + np.maximum(
        work.inputs[0] / rates.fill, (work.inputs[0] + early) / rates.memory
    )
    n_passes = choices.n_bands * choices.n_tiles
    n_loads = np.where(streams, choices.n_tiles, n_passes)
    body = body + _seams(body, n_loads, LOAD_CYCLES) + _seams(body, n_passes, PASS_CYCLES)
    body = body + np.where(streams, 0, HELD_CYCLES * (n_passes - 1))
    last = work.last[0, 0] / rates.memory
    total: FloatArray = first + body + last + rates.latency
    return total


def _seams(body: FloatArray, n: NDArray[np.int64], most: float) -> FloatArray:
    """Return what `n` pieces of a chain lose at their seams."""
    each: FloatArray = np.maximum(most - body / n / HIDING_CYCLES, 0.0)
    return each * (n - 1)


def _pass_cycles(sizes: Sizes, bands: _Split, tiles: _Split) -> FloatArray:
    array, arch = sizes.array, sizes.arch
    rows = bands.sizes[:, None, :]
    columns = tiles.sizes[None, :, :]
    shape = np.broadcast_shapes(rows.shape, columns.shape)
    rows, columns = np.broadcast_to(rows, shape), np.broadcast_to(columns, shape)
    cycles: FloatArray = array.pass_cycles(arch, arch.pe_array, sizes.facts, rows, columns)
    return cycles


def _streamed(
    choices: Candidates, work: _Work, rates: Rates, single: bool, early: FloatArray
) -> FloatArray:
    """Tiles outside, bands inside: every band's weights come from memory for every tile."""
    weights = work.weights * choices.n_bands
    compute = [(work.bands.counts * work.cycles[:, j]).sum(axis=0) for j in range(2)]
    written = [(work.bands.counts * work.outputs[:, j]).sum(axis=0) for j in range(2)]
    # A tile's interval loads the next tile, and writes what the one before has left.
    total = np.zeros(choices.n)
    for j in range(2):
        count = work.tiles.counts[j] - (2 if j == 0 else 0)
        total += np.maximum(count, 0) * _interval(
            compute[j], weights + written[j], work.inputs[j], rates, single
        )
    left = work.last[0, 0] + early
    begin = _interval(compute[0], weights + written[0] - left, work.inputs[0], rates, single)
    end = _interval(compute[0], weights + written[0], np.zeros(choices.n), rates, single)
    only = _interval(compute[0], weights + written[0] - left, np.zeros(choices.n), rates, single)
    result: FloatArray = np.where(choices.n_tiles == 1, only, total + begin + end)
    return result


def _held(work: _Work, rates: Rates, sizes: Sizes, single: bool, early: FloatArray) -> FloatArray:
    """Bands outside, tiles inside: weights come once, activations for every band."""
    total = np.zeros(work.weights.shape[0])
    replay = work.weights / fill_width_bits(sizes.arch)
    for i in range(2):
        for j in range(2):
            compute = np.maximum(work.cycles[i, j], replay)
            moved = work.outputs[i, j]
            again = work.tiles.counts[j] - (1 if j == 0 else 0)
            one = _interval(compute, moved, work.inputs[j], rates, single)
            total += work.bands.counts[i] * again * one
        compute = np.maximum(work.cycles[i, 0], replay)
        moved = work.outputs[i, 0] + work.weights
        once = _interval(compute, moved, work.inputs[0], rates, single)
        total += work.bands.counts[i] * once
    # The first pass finds nothing to write, the last one loads nothing.
    compute = np.maximum(work.cycles[0, 0], replay)
    moved, none = work.outputs[0, 0] + work.weights, np.zeros_like(work.weights)
    here = np.maximum(moved - work.last[0, 0] - early, 0.0)
    total += _interval(compute, here, work.inputs[0], rates, single)
    total -= _interval(compute, moved, work.inputs[0], rates, single)
    total += _interval(compute, work.outputs[0, 0], none, rates, single)
    total -= _interval(compute, work.outputs[0, 0], work.inputs[0], rates, single)
    return total


def _interval(
    compute: FloatArray, moved: FloatArray, load: FloatArray, rates: Rates, single: bool
) -> FloatArray:
    """Return the cycles of an interval: the next load is hidden where buffers are double."""
    if single:
        alone: FloatArray = np.maximum(compute, moved / rates.memory)
        loading = load / min(rates.fill, rates.memory) + rates.latency
        return alone + np.where(load > 0, loading, 0.0)
    hidden: FloatArray = np.maximum(
        np.maximum(compute, (moved + load) / rates.memory), load / rates.fill
    )
    return hidden
