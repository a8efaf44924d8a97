"""SIGMA's flexible array: which kept weights are held together, and the cycles of each fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from f2fsim.analytic import flexible_cycles
from f2fsim.codec import EncodedTensor, PrunedTensor, scale_shares
from f2fsim.config.arch import ArchConfig
from f2fsim.config.layer import Layer
from f2fsim.config.pe_array import FlexibleArray
from f2fsim.hw.arrays.contract import (
    ArrayKind,
    Floats,
    IntArray,
    passes_with_columns,
    places_in_order,
)
from f2fsim.hw.arrays.job import ArrayJob
from f2fsim.hw.arrays.sums import SUM_BYTES, AccumulatorMemory, StepSums, sum_rounds
from f2fsim.hw.description import Component, IntSeq, Machine, seq
from f2fsim.hw.front_ends.contract import Rates
from f2fsim.hw.layer_machine import BandWork
from f2fsim.hw.streams import fill_width_bits
from f2fsim.mapping.facts import LayerFacts
from f2fsim.mapping.steps import BandSteps, LayerSteps, starts_of
from f2fsim.mapping.totals import Totals
from f2fsim.sharing import shared

#: Multipliers for each bank of accumulators where a file does not say: rows of a fold of eight
#: kept weights or more never wait.
SUMS_A_BANK = 8


@dataclass(frozen=True, eq=False)
class FoldedWork(BandWork):
    """Folds as steps, and what each adds to accumulators for a column.

    Attributes
    ----------
    rounds : IntSeq, shape (n_folds,)
        Cycles of a streamed column: the most sums of a bank, at least one.
    sum_words : int
        Sums of all folds that another fold goes on with: read there, and written here.
    """

    rounds: IntSeq
    sum_words: int


class FlexibleKind(ArrayKind[FlexibleArray]):
    """Kept weights of any position stay in the multipliers while activations stream by."""

    model = FlexibleArray
    sized_by_capacity = False

    def accumulators(self, arch: ArchConfig, array: FlexibleArray) -> AccumulatorMemory:
        """As declared, else a bank for `SUMS_A_BANK` multipliers; a column streams at once."""
        return AccumulatorMemory(accumulator_banks(array), 1, array.accumulator_bytes)

    def rows_held(self, arch: ArchConfig, array: FlexibleArray, band_rows: int) -> int:
        """All rows of a band: a fold holds weights of any of them."""
        return band_rows

    def rows_in_flight(self, array: FlexibleArray, band_rows: int, n_reduction: int) -> int:
        """All rows of a band: a fold holds weights of any of them."""
        return band_rows

    def pass_cycles(
        self,
        arch: ArchConfig,
        array: FlexibleArray,
        facts: LayerFacts,
        rows: Floats,
        columns: Floats,
    ) -> tuple[Floats, Floats]:
        """Every fold is loaded, then all columns stream past it."""
        kept = rows * facts.n_reduction * facts.density
        chunks = -(-facts.n_reduction // array.chunk)
        folds = chunks * np.ceil(kept / chunks / array.n_multipliers)
        of_row = max(min(array.chunk, facts.n_reduction) * facts.density, 1.0)
        sums = np.minimum(kept / np.maximum(folds, 1.0) / of_row, rows) if chunks > 1 else 1.0
        rounds = np.ceil(sums / accumulator_banks(array))
        cycles: Floats = kept / array.load_weights + folds * columns * np.maximum(rounds, 1.0)
        return np.ones_like(rows), cycles

    def pass_steps(
        self,
        arch: ArchConfig,
        array: FlexibleArray,
        facts: LayerFacts,
        rows: Floats,
        *,
        all_rows: bool,
    ) -> Floats:
        """All rows of a band are done with its last fold."""
        return np.ones_like(rows)

    def dense_cycles(
        self, array: FlexibleArray, n_rows: int, n_reduction: int, n_columns: int
    ) -> int:
        """All values are held in turn, each fold loaded anew."""
        n = n_rows * n_reduction
        return flexible_cycles(n, n_columns, array.n_multipliers, array.load_weights)

    def band_work(
        self,
        arch: ArchConfig,
        array: FlexibleArray,
        layer: Layer,
        band: tuple[PrunedTensor, EncodedTensor],
        first_row: int,
    ) -> FoldedWork:
        """Return the folds of a band as steps."""

        def folded() -> FoldedWork:
            return FoldedWork(flexible_steps(*band, array), *fold_sums(band[0], array))

        key = "folds", array.n_multipliers, array.chunk, accumulator_banks(array)
        return shared(band[1], key, folded)

    def build(self, job: ArrayJob, array: FlexibleArray) -> int:
        """Add the array, an item a fold; return the multiplications: those of kept weights."""
        steps = job.steps
        kept = [band.n_kept for band in steps.bands]
        work = [one for one in job.work if isinstance(one, FoldedWork)]
        # The activations of a chunk are read side by side; narrow banks take several cycles.
        taken = array.chunk * job.activation_bits
        each = -(-taken // fill_width_bits(job.builder.arch))
        cycles = [
            fold_cycles(
                kept[band], steps.tile_columns[tile], array, np.maximum(work[band].rounds, each)
            )
            for band, tile in steps.passes
        ]
        done = int(steps.over_tiles(kept, steps.tile_columns).sum())
        filled = [seq(one > 0) for one in kept]
        n_columns = int(steps.over_tiles(filled, steps.tile_columns).sum())
        words = sum(work[band].sum_words * steps.tile_columns[tile] for band, tile in steps.passes)
        job.add(
            np.concatenate(cycles),
            done,
            0,
            int(steps.over_passes(kept).sum()),
            n_columns * taken // 8,
            words * SUM_BYTES,
            done * job.activation_bits // 8,
        )
        return done

    def sequence(
        self,
        arch: ArchConfig,
        array: FlexibleArray,
        encoded: EncodedTensor,
        tensor: PrunedTensor,
        work: BandWork,
    ) -> tuple[IntArray, IntArray, IntArray]:
        """Return the sequence of chunks of columns, row after row within a chunk."""
        n_rows, n_cols = tensor.shape
        places = np.arange(n_rows * n_cols).reshape(n_rows, n_cols)
        chunks = [
            places[:, left : left + array.chunk].ravel() for left in range(0, n_cols, array.chunk)
        ]
        return *places_in_order(np.concatenate(chunks), tensor, work), np.arange(n_rows)

    def least(
        self, arch: ArchConfig, array: FlexibleArray, totals: Totals, steps: IntSeq
    ) -> tuple[IntSeq, dict[str, IntSeq]]:
        """Folds that are full; all kept weights are loaded once."""
        kept = totals.n_kept
        folds = -(-kept // array.n_multipliers) * totals.n_columns
        return -(-kept // array.load_weights) + folds, {
            "mac": kept * totals.n_columns,
            "sram_read_byte": folds * array.chunk * totals.activation_bits // 8,
            "register_byte": kept,
        }

    def rates(self, array: FlexibleArray, steps: LayerSteps, work: Sequence[BandWork]) -> Rates:
        """The fewest cycles to load all kept weights and stream all columns past each fold."""
        cycles = [
            flexible_cycles(int(band.n_kept.sum()), n, array.n_multipliers, array.load_weights)
            for band, n in passes_with_columns(steps)
        ]
        return {"array": (sum(cycles), 1)}


def flexible_steps(tensor: PrunedTensor, encoded: EncodedTensor, array: FlexibleArray) -> BandSteps:
    """Cut a band into folds: up to ``n_multipliers`` kept weights of ``chunk`` columns.

    Kept weights of a chunk are taken row after row; the mask bits of a fold are those from its
    first weight to before the next fold's, a chunk without kept weights goes with its neighbour.
    Memory holds raw mask bits and values in this order, as many as the encoding has.
    """
    weights, kept = fold_sizes(tensor, array)
    zeros, ones = np.zeros_like(weights), np.ones_like(weights)
    done = zeros.copy()
    done[-1] = tensor.shape[0]
    value_bits = encoded.streams["weights"].n_bits // max(int(kept.sum()), 1)
    streams = {"mask": weights, "weights": kept * value_bits}
    streams |= scale_shares(weights, encoded.scale_bits)
    return BandSteps(streams, weights, kept, kept, zeros, ones, zeros, ones, done)


def fold_sizes(tensor: PrunedTensor, array: FlexibleArray) -> tuple[IntSeq, IntSeq]:
    """Return weight positions and kept weights of each fold."""
    n_rows, n_cols = tensor.shape
    weights: list[int] = []
    kept: list[int] = []
    spare = 0
    for left in range(0, n_cols, array.chunk):
        mask = tensor.mask[:, left : left + array.chunk]
        places = np.flatnonzero(mask)
        starts = places[:: array.n_multipliers].copy()
        if not starts.shape[0]:
            spare += mask.size
            continue
        starts[0] = 0
        sizes = np.diff(np.append(starts, mask.size))
        sizes[0] += spare
        spare = 0
        counts = np.full(starts.shape[0], array.n_multipliers, dtype=np.int64)
        counts[-1] = places.shape[0] - array.n_multipliers * (starts.shape[0] - 1)
        weights += sizes.tolist()
        kept += counts.tolist()
    if not weights:
        return seq(n_rows * n_cols), seq(0)
    weights[-1] += spare
    return seq(weights), seq(kept)


def fold_sums(tensor: PrunedTensor, array: FlexibleArray) -> tuple[IntSeq, int]:
    """Return the cycles in which a column passes each fold, and the sums that wait between folds.

    A row that is in one fold only never waits.
    """
    rows: list[IntSeq] = []
    fold: list[IntSeq] = []
    n_folds = 0
    for left in range(0, tensor.shape[1], array.chunk):
        counts = tensor.mask[:, left : left + array.chunk].sum(axis=1)
        ends = np.cumsum(counts)
        here = np.flatnonzero(counts)
        first = (ends - counts)[here] // array.n_multipliers
        last = (ends[here] - 1) // array.n_multipliers
        spans = last - first + 1
        rows.append(seq(np.repeat(here, spans)))
        turn = np.arange(int(spans.sum())) - np.repeat(np.cumsum(spans) - spans, spans)
        fold.append(seq(n_folds + np.repeat(first, spans) + turn))
        n_folds += -(-int(ends[-1]) // array.n_multipliers)
    row, of_fold = np.concatenate(rows), np.concatenate(fold)
    often = np.bincount(row, minlength=tensor.shape[0])
    waits = often[row] > 1
    row, of_fold = row[waits], of_fold[waits]
    order = np.argsort(of_fold, kind="stable")
    starts = starts_of(np.bincount(of_fold, minlength=max(n_folds, 1)))
    sums = StepSums.of(row[order], starts, accumulator_banks(array))
    words = int((often[often > 1] - 1).sum())
    return seq(np.maximum(sum_rounds(sums, starts), 1)), words


def accumulator_banks(array: FlexibleArray) -> int:
    """Return the banks of accumulators."""
    return array.accumulators.n_banks or -(-array.n_multipliers // SUMS_A_BANK)


def fold_cycles(kept: IntSeq, n_columns: int, array: FlexibleArray, rounds: IntSeq) -> IntSeq:
    """Return the cycles of each fold: its weights are loaded, then columns stream.

    A column takes a cycle, or `rounds` where more sums than that go to one bank.
    """
    return -(-kept // array.load_weights) + np.where(kept > 0, n_columns * rounds, 0)


def bare_flexible(
    array: FlexibleArray, tensor: PrunedTensor, n_columns: int, clock_hz: int = 1
) -> Machine:
    """Return the array alone, no memory behind it, with the folds of one matrix product."""
    _, kept = fold_sizes(tensor, array)
    cycles = seq(fold_cycles(kept, n_columns, array, fold_sums(tensor, array)[0]))
    part = Component("pe array", "flexible", clock_hz, cycles.shape[0], cycles)
    return Machine((part,), ())
