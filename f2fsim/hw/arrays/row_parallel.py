"""Row-parallel: a PE owns rows and gathers activations from banks that all PEs share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from f2fsim.codec import WEIGHT_TYPES, EncodedTensor, PrunedTensor, scale_shares
from f2fsim.codec.csr import row_counts, stream_order
from f2fsim.config.arch import ArchConfig
from f2fsim.config.layer import Layer
from f2fsim.config.pe_array import RowParallelArray
from f2fsim.cost.network_units import crossbar, gathers, request_bits
from f2fsim.cost.unit_spec import Units
from f2fsim.hw.arrays.bank_gather import gather_windows, rows_done
from f2fsim.hw.arrays.contract import (
    ArrayKind,
    Floats,
    IntArray,
    is_dense_way,
)
from f2fsim.hw.arrays.job import ArrayJob
from f2fsim.hw.arrays.lane_parts import VALUE_BITS
from f2fsim.hw.arrays.operands import Words
from f2fsim.hw.arrays.sums import AccumulatorMemory
from f2fsim.hw.description import IntSeq
from f2fsim.hw.front_ends.contract import Rates
from f2fsim.hw.layer_machine import BandWork
from f2fsim.mapping.facts import LayerFacts
from f2fsim.mapping.geometry import ACTIVATION_BITS
from f2fsim.mapping.steps import BandSteps, LayerSteps, band_steps
from f2fsim.mapping.totals import Totals
from f2fsim.sharing import shared

#: Rows a PE, of a layer's first, whose bank conflicts plans take for those of all: PEs drift apart
#: from row to row.  At most so many, if they have no more entries, and at least so many.
MOST_WAVES, MOST_ENTRIES, LEAST_WAVES = 8, 1 << 14, 2


@dataclass(frozen=True, eq=False)
class GatherWork(BandWork):
    """Windows of rounds, and the cycles of each window's gathers.

    Attributes
    ----------
    gather_cycles : IntSeq, shape (n_windows,)
    n_reads : IntSeq, shape (n_windows,)
        Words that banks give.
    words : Words
        What the gathers of all PEs share.
    fullest : int
        Cycles of the bank with the most reads of all windows.
    open_rows : int
        How often a PE ends a window within a row, whose sums for all waves wait meanwhile.
    """

    gather_cycles: IntSeq
    n_reads: IntSeq
    words: Words
    fullest: int
    open_rows: int


class RowParallelKind(ArrayKind[RowParallelArray]):
    """CSR accelerators: ``n_pes`` PEs, a step a window of rounds."""

    model = RowParallelArray
    sized_by_capacity = False
    own_keys = ("shared_reads", "columns", "accumulators")
    fitting_keys = ("columns", "accumulators")

    def rows_at_once(self, array: RowParallelArray) -> int:
        """A row a PE."""
        return array.n_pes

    def accumulators(self, arch: ArchConfig, array: RowParallelArray) -> AccumulatorMemory:
        """A bank a PE: it adds to its own rows only."""
        return AccumulatorMemory(array.n_pes, array.columns, array.accumulator_bytes)

    def rows_held(self, arch: ArchConfig, array: RowParallelArray, band_rows: int) -> int:
        """A row a PE, and a word in every bank."""
        return array.n_pes

    def rows_in_flight(self, array: RowParallelArray, band_rows: int, n_reduction: int) -> int:
        """A row a PE."""
        return min(band_rows, array.n_pes)

    def pass_cycles(
        self,
        arch: ArchConfig,
        array: RowParallelArray,
        facts: LayerFacts,
        rows: Floats,
        columns: Floats,
    ) -> tuple[Floats, Floats]:
        """Rounds of the PE with the most entries, each as long as bank conflicts of some rows."""
        waves = np.ceil(columns / array.columns)
        words = Words.of(arch.scratchpad, VALUE_BITS, min(array.columns, int(columns.max())))
        if facts.is_dense:
            rounds = np.maximum(np.ceil(rows / array.n_pes) * facts.n_reduction, 1.0)
            return rounds, words.each * rounds * waves
        tensor = facts.weights
        of_wave = array.n_pes * facts.n_reduction * facts.density
        n_waves = max(min(int(MOST_ENTRIES / max(of_wave, 1.0)), MOST_WAVES), LEAST_WAVES)
        key = "conflicts", array.n_pes, words.n_banks, array.window, array.shared_reads
        counts = np.resize(shared(tensor, "row counts", lambda: row_counts(tensor)), facts.n_rows)
        longest, taken = np.empty_like(rows), np.empty_like(rows)
        for n in np.unique(rows).tolist():
            of_pe = _longest(counts, array.n_pes, max(math.ceil(n), 1))
            # Conflicts of bands of about as many rows: PEs without one want nothing.
            n_rows = min(1 << math.ceil(math.log2(max(n, 1))), n_waves * array.n_pes)
            each = shared(
                tensor,
                (*key, n_rows),
                partial(_conflicts, tensor, array, words.n_banks, n_rows),
            )
            longest[rows == n] = of_pe
            taken[rows == n] = max(of_pe, 1.0) * each * words.each
        return np.maximum(longest, 1.0), taken * waves

    def pass_steps(
        self,
        arch: ArchConfig,
        array: RowParallelArray,
        facts: LayerFacts,
        rows: Floats,
        *,
        all_rows: bool,
    ) -> Floats:
        """Windows of rounds, or waves of rows if these are longer."""
        waves = np.maximum(rows / array.n_pes, 1.0)
        windows = waves * facts.n_reduction * facts.reaching / array.window
        return np.maximum(np.minimum(waves, windows), 1.0)

    def band_work(
        self,
        arch: ArchConfig,
        array: RowParallelArray,
        layer: Layer,
        band: tuple[PrunedTensor, EncodedTensor],
        first_row: int,
    ) -> GatherWork:
        """Return windows of CSR rounds as steps, and the cycles of their gathers."""
        bits = ACTIVATION_BITS[band[0].weight_type.name]
        words = Words.of(arch.scratchpad, bits, min(array.columns, layer.n_columns))
        key = "windows", array.n_pes, array.window, array.shared_reads, words
        return shared(band[1], key, lambda: self._windows(arch, array, band, words))

    def _windows(
        self,
        arch: ArchConfig,
        array: RowParallelArray,
        band: tuple[PrunedTensor, EncodedTensor],
        words: Words,
    ) -> GatherWork:
        tensor, encoded = band
        n_rows, n_cols = tensor.shape
        if is_dense_way(arch, encoded):
            key = "dense rounds", array.n_pes, array.window
            make = partial(_dense_windows, tensor, encoded.scale_bits, array)
            steps = shared(encoded, key, make)
            n_open = open_windows(np.full(n_rows, n_cols), array)
            of_bank = np.arange(n_cols) % words.n_banks
            fullest = int(np.bincount(of_bank).max()) * -(-n_rows // array.n_pes)
            cycles = steps.n_symbols * words.each
            # All PEs take the same word.
            return GatherWork(steps, cycles, steps.n_symbols, words, fullest * words.each, n_open)
        # Neighbouring columns lie in neighbouring banks, also where a word holds several.
        found = gather_windows(
            tensor, array.n_pes, words.n_banks, array.window, shares=array.shared_reads
        )

        # Which rounds a window has does not follow from the banks.
        def windows() -> tuple[BandSteps, int]:
            steps = band_steps(encoded, array.window, all_rows=False)
            done = rows_done(tensor, array.n_pes, array.window, steps.n_steps)
            n_open = open_windows(row_counts(tensor), array)
            return replace(steps, rows_done=done, n_symbols=found.rounds), n_open

        steps, n_open = shared(encoded, ("rounds", array.n_pes, array.window), windows)
        fullest = int(found.of_bank.max()) * words.each
        return GatherWork(steps, found.cycles * words.each, found.reads, words, fullest, n_open)

    def build(self, job: ArrayJob, array: RowParallelArray) -> int:
        """Add the array; return the multiplications done.

        A step is a window of rounds; its gathers were arbitrated among the banks, and are
        repeated for every group of ``columns`` activation columns.
        """
        steps = job.steps
        waves = [-(-n // array.columns) for n in steps.tile_columns]
        work = [one for one in job.work if isinstance(one, GatherWork)]
        service = steps.over_tiles([one.gather_cycles for one in work], waves)
        reaching = [band.reaching for band in steps.bands]
        done = int(steps.over_tiles(reaching, steps.tile_columns).sum())
        # A PE's own accumulator: of one wave the sum stays in its register.
        words = sum(
            work[band].open_rows * waves[tile] for band, tile in steps.passes if waves[tile] > 1
        )
        sums = self.accumulators(job.builder.arch, array)
        weight_reads = int(steps.over_tiles(reaching, waves).sum())
        n_reads = int(steps.over_tiles([one.n_reads for one in work], waves).sum())
        read_bytes = n_reads * work[0].words.read_bytes
        # Every PE has a request of its own, but for the one of all of a dense row.
        requests = [b.n_symbols if b.is_dense else b.n_kept for b in steps.bands]
        n_waiting = int(steps.over_tiles(requests, waves).sum())
        asked = request_bits(WEIGHT_TYPES[job.weight_type].n_bits) // 8
        job.add(
            service, done, 0, weight_reads, read_bytes, words * sums.word_bytes,
            queued_bytes=n_waiting * asked,
        )  # fmt: skip
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
        if work.steps.is_dense:
            return _dense_sequence(tensor, array)
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

    def least(
        self, arch: ArchConfig, array: RowParallelArray, totals: Totals, steps: IntSeq
    ) -> tuple[IntSeq, dict[str, IntSeq]]:
        """Kept weights over PEs, and over banks; all PEs may share the reads of a dense layer."""
        waves = -(-totals.n_columns // array.columns)
        share = array.n_pes if array.shared_reads else 1
        by_bank = -(-totals.n_kept // (share * arch.scratchpad.n_banks))
        cycles = np.maximum(
            -(-totals.n_kept // array.n_pes), np.where(totals.may_be_dense, 0, by_bank)
        )
        macs = totals.n_kept * totals.n_columns
        read = macs * totals.activation_bits // 8
        return cycles * waves, {
            "mac": macs,
            "sram_read_byte": np.where(totals.may_be_dense, 0, read // share),
            "register_byte": totals.n_kept * waves,
        }

    def rates(self, array: RowParallelArray, steps: LayerSteps, work: Sequence[BandWork]) -> Rates:
        """Gathers of the fullest bank, and the rounds of the PE with the most entries."""
        fullest = rounds = 0
        for number, tile in steps.passes:
            waves = -(-steps.tile_columns[tile] // array.columns)
            band, one = steps.bands[number], work[number]
            if isinstance(one, GatherWork):
                fullest += one.fullest * waves
            rounds += int(band.n_symbols[band.reaching > 0].sum()) * waves
        return {"operand banks": (fullest, 1), "longest PE": (rounds, 1)}

    def units(self, arch: ArchConfig, array: RowParallelArray) -> dict[str, Units]:
        """Windows of requests and their arbiter; the crossbar from banks to PEs."""
        n_banks = Words.of(arch.scratchpad, VALUE_BITS, array.columns).n_banks
        queues = gathers(array.n_pes, n_banks, array.window, VALUE_BITS, shares=array.shared_reads)
        words = crossbar(array.n_pes, n_banks, VALUE_BITS * array.columns)
        return {"gather": queues, "gather crossbar": words}


def _longest(counts: IntArray, n_pes: int, band_rows: int) -> float:
    """Return the entries of the PE with the most of a band, on average over bands of so many rows.

    `counts` are the entries of each row; rows behind the last whole band do not count.
    """
    n_bands, n_waves = counts.shape[0] // band_rows, -(-band_rows // n_pes)
    bands = np.zeros((n_bands, n_waves * n_pes), dtype=np.int64)
    bands[:, :band_rows] = counts[: n_bands * band_rows].reshape(n_bands, band_rows)
    return float(bands.reshape(n_bands, n_waves, n_pes).sum(axis=1).max(axis=1).mean())


def _conflicts(tensor: PrunedTensor, array: RowParallelArray, n_banks: int, n_rows: int) -> float:
    """Return the cycles of a round of the first `n_rows` rows."""
    some = replace(tensor, patterns=tensor.patterns[:n_rows], mask=tensor.mask[:n_rows])
    found = gather_windows(some, array.n_pes, n_banks, array.window, shares=array.shared_reads)
    return float(np.maximum(found.cycles, found.rounds).sum() / found.rounds.sum())


def open_windows(counts: IntArray, array: RowParallelArray) -> int:
    """Return how often a PE ends a window of its entries within a row.

    `counts` are the entries of each row; row r belongs to PE r mod ``n_pes``.
    """
    n_waves = -(-counts.shape[0] // array.n_pes)
    grid = np.zeros(n_waves * array.n_pes, dtype=np.int64)
    grid[: counts.shape[0]] = counts
    ends = grid.reshape(n_waves, array.n_pes).cumsum(axis=0)
    starts = ends - grid.reshape(ends.shape)
    # A row that takes entries s to e - 1 of its PE is open at the multiples of the window within.
    inside = np.maximum((ends - 1) // array.window - starts // array.window, 0)
    return int(inside.sum())


def _dense_windows(tensor: PrunedTensor, scale_bits: int, array: RowParallelArray) -> BandSteps:
    """Return windows of rounds of a dense band: in a round every PE takes its row's next weight.

    The PEs walk through their rows column by column together, so that a round needs one activation
    (for all columns of a wave), which the bank gives to all of them.
    """
    n_rows, n_cols = tensor.shape
    n_waves = -(-n_rows // array.n_pes)
    n_rounds = n_waves * n_cols
    starts = np.arange(0, n_rounds, array.window)
    rows = np.full(n_waves, array.n_pes, dtype=np.int64)
    rows[-1] = n_rows - array.n_pes * (n_waves - 1)
    mask = np.zeros((n_waves * array.n_pes, n_cols), dtype=np.uint8)
    mask[:n_rows] = tensor.mask
    kept = mask.reshape(n_waves, array.n_pes, n_cols).sum(axis=1, dtype=np.int64)
    weights = np.add.reduceat(np.repeat(rows, n_cols), starts)
    done = np.zeros(starts.shape[0], dtype=np.int64)
    last = ((np.arange(n_waves) + 1) * n_cols - 1) // array.window
    np.add.at(done, last, rows)
    rounds = np.diff(np.append(starts, n_rounds))
    zeros = np.zeros_like(weights)
    bits = {"weights": weights * tensor.weight_type.n_bits, **scale_shares(weights, scale_bits)}
    kept_of = np.add.reduceat(kept.ravel(), starts)
    return BandSteps(
        bits, weights, kept_of, weights, zeros, rounds, zeros, rounds, done, is_dense=True
    )


def _dense_sequence(
    tensor: PrunedTensor, array: RowParallelArray
) -> tuple[IntArray, IntArray, IntArray]:
    """Return the sequence of `_dense_windows`."""
    n_rows, n_cols = tensor.shape
    row, column = np.nonzero(tensor.mask)
    rounds = row // array.n_pes * n_cols + column
    order = np.lexsort((row, rounds))
    return (row * n_cols + column)[order], rounds[order] // array.window, np.arange(n_rows)
