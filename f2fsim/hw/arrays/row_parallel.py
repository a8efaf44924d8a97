"""Row-parallel: a PE owns rows and gathers activations from banks that all PEs share."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from f2fsim.codec import EncodedTensor, PrunedTensor
from f2fsim.codec.csr import row_counts, stream_order
from f2fsim.config.arch import ArchConfig
from f2fsim.config.layer import Layer
from f2fsim.config.pe_array import RowParallelArray
from f2fsim.hw.arrays.bank_gather import gather_windows, rows_done
from f2fsim.hw.arrays.contract import (
    ArrayJob,
    ArrayKind,
    IntArray,
    passes_with_columns,
)
from f2fsim.hw.description import IntSeq
from f2fsim.hw.front_ends.contract import Rates, UnitParts
from f2fsim.hw.layer_machine import BandWork
from f2fsim.mapping.steps import LayerSteps, band_steps


@dataclass(frozen=True, eq=False)
class GatherWork(BandWork):
    """Windows of rounds, and the cycles of each window's gathers."""

    gather_cycles: IntSeq


class RowParallelKind(ArrayKind[RowParallelArray]):
    """CSR accelerators: ``n_pes`` PEs, a step a window of rounds."""

    model = RowParallelArray

    def rows_at_once(self, array: RowParallelArray) -> int:
        """A row a PE."""
        return array.n_pes

    def rows_in_flight(self, array: RowParallelArray, band_rows: int, n_reduction: int) -> int:
        """A row a PE."""
        return min(band_rows, array.n_pes)

    def band_work(
        self,
        arch: ArchConfig,
        array: RowParallelArray,
        layer: Layer,
        band: tuple[PrunedTensor, EncodedTensor],
        first_row: int,
    ) -> GatherWork:
        """Return windows of CSR rounds as steps, and the cycles of their gathers."""
        tensor, encoded = band
        cycles, rounds = gather_windows(tensor, array.n_pes, array.n_banks, array.window)
        steps = band_steps(encoded, array.window, all_rows=False)
        done = rows_done(tensor, array.n_pes, array.window, steps.n_steps)
        return GatherWork(replace(steps, rows_done=done, n_symbols=rounds), cycles)

    def build(self, job: ArrayJob, array: RowParallelArray) -> int:
        """Add the array; return the multiplications done.

        A step is a window of rounds; its gathers were arbitrated among the banks, and are
        repeated for every group of ``columns`` activation columns.
        """
        steps = job.steps
        waves = [-(-n // array.columns) for n in steps.tile_columns]
        gathers = [work.gather_cycles for work in job.work if isinstance(work, GatherWork)]
        service = steps.over_tiles(gathers, waves)
        kept = [band.n_kept for band in steps.bands]
        done = int(steps.over_tiles(kept, steps.tile_columns).sum())
        job.add(service, done, 0, int(steps.over_tiles(kept, waves).sum()))
        return done

    def sequence(
        self,
        arch: ArchConfig,
        array: RowParallelArray,
        encoded: EncodedTensor,
        tensor: PrunedTensor,
        work: BandWork,
    ) -> tuple[IntArray, IntArray, IntArray]:
        """Return the sequence of interleaved rounds, a step a window of them."""
        counts = row_counts(tensor)
        order = stream_order(counts, array.n_pes)
        places = np.flatnonzero(tensor.mask.reshape(-1))[order]
        # A PE's j-th entry is in round j.
        pe = np.repeat(np.arange(counts.shape[0]) % array.n_pes, counts)[order]
        by_pe = np.argsort(pe, kind="stable")
        seen = np.bincount(pe, minlength=array.n_pes)
        rounds = np.empty(pe.shape[0], dtype=np.int64)
        rounds[by_pe] = np.arange(pe.shape[0]) - np.repeat(np.cumsum(seen) - seen, seen)
        last = np.full(counts.shape[0], -1, dtype=np.int64)
        np.maximum.at(last, places // max(tensor.shape[1], 1), rounds // array.window)
        return places, rounds // array.window, np.argsort(last, kind="stable")

    def rates(self, array: RowParallelArray, steps: LayerSteps) -> Rates:
        """Gathers over banks, and the rounds of the PE with the most entries."""
        kept = rounds = 0
        for band, n_columns in passes_with_columns(steps):
            waves = -(-n_columns // array.columns)
            kept += int(band.n_kept.sum()) * waves
            rounds += int(band.n_symbols[band.n_kept > 0].sum()) * waves
        return {"activation banks": (kept, array.n_banks), "longest PE": (rounds, 1)}

    def parts(self, array: RowParallelArray) -> UnitParts:
        """An index decoder a PE; the crossbar from banks to PEs, a tree of multiplexers a PE."""
        depth = max(array.n_banks - 1, 1).bit_length()
        found = UnitParts()
        found.index_units["index decoder"] = array.n_pes
        found.mux2_bits["gather crossbar"] = array.n_pes * depth * 8 * array.columns
        return found
