"""Systolic arrays: an item a fold of dense weights; zeros are multiplied too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from f2fsim.analytic import systolic_cycles
from f2fsim.codec import WEIGHT_TYPES, EncodedTensor, PrunedTensor
from f2fsim.config.arch import ArchConfig
from f2fsim.config.layer import Layer
from f2fsim.config.pe_array import SystolicArray
from f2fsim.cost import Sram
from f2fsim.hw.arrays.contract import ArrayKind, Floats, IntArray, passes_with_columns
from f2fsim.hw.arrays.job import ArrayJob
from f2fsim.hw.arrays.sums import SUM_BYTES, AccumulatorMemory
from f2fsim.hw.arrays.systolic_folds import Folds, fold, fold_cycles, fold_steps, strip_width
from f2fsim.hw.description import IntSeq, seq
from f2fsim.hw.front_ends.contract import Rates
from f2fsim.hw.layer_machine import BandWork
from f2fsim.hw.streams import fill_width_bits
from f2fsim.mapping.facts import LayerFacts
from f2fsim.mapping.steps import LayerSteps
from f2fsim.mapping.totals import Totals
from f2fsim.sharing import shared


@dataclass(frozen=True, eq=False)
class FoldWork(BandWork):
    """Folds as steps, and where each fold lies in the band."""

    folds: Folds


class SystolicKind(ArrayKind[SystolicArray]):
    """``rows`` × ``columns`` PEs, weight- or output-stationary."""

    model = SystolicArray
    sized_by_capacity = False

    def rows_at_once(self, array: SystolicArray) -> int:
        """A row of the weight matrix a column of PEs."""
        return array.columns

    def accumulators(self, arch: ArchConfig, array: SystolicArray) -> AccumulatorMemory:
        """A bank below each column of PEs; none where the sums stay in the PEs."""
        is_still = array.dataflow == "weight_stationary"
        return AccumulatorMemory(array.columns, 1, array.accumulator_bytes if is_still else 0)

    def memories(self, arch: ArchConfig, array: SystolicArray) -> dict[str, Sram]:
        """Sums below the columns; an output-stationary array's weights of a strip."""
        found = super().memories(arch, array)
        if array.strip_bytes:
            found["strip"] = Sram(array.strip_bytes, array.columns)
        return found

    def rows_held(self, arch: ArchConfig, array: SystolicArray, band_rows: int) -> int:
        """A strip's."""
        return min(band_rows, array.columns) if array.dataflow == "weight_stationary" else 0

    def rows_in_flight(self, array: SystolicArray, band_rows: int, n_reduction: int) -> int:
        """Those of a fold."""
        return min(band_rows, array.columns)

    def pass_cycles(
        self,
        arch: ArchConfig,
        array: SystolicArray,
        facts: LayerFacts,
        rows: Floats,
        columns: Floats,
    ) -> tuple[Floats, Floats]:
        """The cycles of a matrix product as SCALE-Sim counts them."""
        r, c, k = array.rows, array.columns, facts.n_reduction
        width = np.where(columns > r, strip_width(array, k, facts.weight_bits), c)
        strips = np.ceil(rows / width)
        cycles: Floats
        if array.dataflow == "weight_stationary":
            cycles = -(-k // r) * strips * (2 * r + c + columns - 2)
        else:
            cycles = np.ceil(columns / r) * strips * (k + r + c - 2)
        return np.ones_like(rows), cycles

    def pass_steps(
        self,
        arch: ArchConfig,
        array: SystolicArray,
        facts: LayerFacts,
        rows: Floats,
        *,
        all_rows: bool,
    ) -> Floats:
        """The rows of a strip leave together."""
        return np.maximum(rows / array.columns, 1.0)

    def dense_cycles(
        self, array: SystolicArray, n_rows: int, n_reduction: int, n_columns: int
    ) -> int:
        """As SCALE-Sim counts any product."""
        return systolic_cycles(
            n_rows,
            n_rows * n_reduction,
            n_columns,
            (array.rows, array.columns),
            weight_stationary=array.dataflow == "weight_stationary",
        )

    def band_work(
        self,
        arch: ArchConfig,
        array: SystolicArray,
        layer: Layer,
        band: tuple[PrunedTensor, EncodedTensor],
        first_row: int,
    ) -> FoldWork:
        """Return the folds of a band; strips do not cross groups of a convolution."""
        tensor, encoded = band
        group_rows = layer.n_outputs if layer.n_groups > 1 else 0
        width = array.columns
        if layer.n_columns > array.rows:  # a strip passes more than once
            width = strip_width(array, tensor.shape[1], tensor.weight_type.n_bits)

        def work() -> FoldWork:
            folds = fold(*tensor.shape, array, group_rows, first_row, width)
            return FoldWork(fold_steps(tensor, encoded, folds), folds)

        return shared(encoded, ("folds", array, group_rows, first_row, width), work)

    def build(self, job: ArrayJob, array: SystolicArray) -> int:
        """Add the array, an item a fold; return the multiplications: zeros are multiplied too."""
        steps = job.steps
        folds = [work.folds for work in job.work if isinstance(work, FoldWork)]
        # Narrow banks give a column of inputs in several cycles.
        taken = array.rows * job.activation_bits
        each = -(-taken // fill_width_bits(job.builder.arch))
        cycles = [
            fold_cycles(folds[band], steps.tile_columns[tile] * each, array)
            for band, tile in steps.passes
        ]
        counts = [band.n_weights for band in steps.bands]
        done = int(steps.over_tiles(counts, steps.tile_columns).sum())
        # An input enters a row of PEs once and goes from column to column; so do an
        # output-stationary array's weights from row to row, for every wave of its rows.
        inputs = [seq(one.n_cols) for one in folds]
        n_inputs = int(steps.over_tiles(inputs, steps.tile_columns).sum())
        once = [-(-n // array.rows) for n in steps.tile_columns]
        is_still = array.dataflow == "weight_stationary"
        passed = done * job.activation_bits // 8
        loads = int(steps.over_passes(counts).sum())
        # A strip's weights are stored as they pass for the first time, if they pass again.
        again = [n - 1 for n in once]
        stored = [int(n > 0) for n in again]
        bits = WEIGHT_TYPES[job.weight_type].n_bits
        strip = [int(steps.over_tiles(counts, n).sum()) * bits // 8 for n in (again, stored)]
        # A strip's sums leave below and wait for its next piece, each column's in a bank.
        open_rows = [one.n_rows * (1 - one.is_last) for one in folds]
        n_sums = int(steps.over_tiles(open_rows, steps.tile_columns).sum()) if is_still else 0
        job.add(
            np.concatenate(cycles),
            done,
            0,
            loads if is_still else done,
            n_inputs * job.activation_bits // 8,
            n_sums * SUM_BYTES,
            passed,
            strip_bytes=(0, 0) if is_still else (strip[0], strip[1]),
        )
        return done

    def sequence(
        self,
        arch: ArchConfig,
        array: SystolicArray,
        encoded: EncodedTensor,
        tensor: PrunedTensor,
        work: BandWork,
    ) -> tuple[IntArray, IntArray, IntArray]:
        """Return the sequence of folds: strips of rows, each in pieces of columns."""
        assert isinstance(work, FoldWork)
        places = np.flatnonzero(tensor.mask.reshape(-1))
        rows, columns = np.divmod(places, max(tensor.shape[1], 1))
        tops, lefts = np.unique(work.folds.first_row), np.unique(work.folds.first_col)
        strip = np.searchsorted(tops, rows, side="right") - 1
        piece = np.searchsorted(lefts, columns, side="right") - 1
        step = strip * lefts.shape[0] + piece
        order = np.argsort(step, kind="stable")
        return places[order], step[order], np.arange(tensor.shape[0])

    def least(
        self, arch: ArchConfig, array: SystolicArray, totals: Totals, steps: IntSeq
    ) -> tuple[IntSeq, dict[str, IntSeq]]:
        """The folds of one band and one tile; more of them are cut no better."""
        cycles = [
            systolic_cycles(
                int(m),
                int(m * k),
                int(n),
                (array.rows, array.columns),
                weight_stationary=array.dataflow == "weight_stationary",
            )
            for m, k, n in zip(totals.n_rows, totals.n_reduction, totals.n_columns, strict=True)
        ]
        macs = totals.n_weights * totals.n_columns
        inputs = -(-totals.n_rows // array.columns) * totals.n_reduction * totals.n_columns
        return np.array(cycles, dtype=np.int64), {
            "mac": macs,
            "sram_read_byte": inputs * totals.activation_bits // 8,
            "register_byte": macs,
        }

    def rates(self, array: SystolicArray, steps: LayerSteps, work: Sequence[BandWork]) -> Rates:
        """The cycles of a matrix product as SCALE-Sim counts them."""
        cycles = [
            systolic_cycles(
                int(band.rows_done.sum()),
                int(band.n_weights.sum()),
                n,
                (array.rows, array.columns),
                weight_stationary=array.dataflow == "weight_stationary",
            )
            for band, n in passes_with_columns(steps)
        ]
        return {"array": (sum(cycles), 1)}
