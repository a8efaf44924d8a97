"""Lanes: ``weights_per_cycle`` weights times ``columns`` activation columns a cycle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from f2fsim.codec import EncodedTensor, PrunedTensor
from f2fsim.config.arch import ArchConfig
from f2fsim.config.layer import Layer
from f2fsim.config.pe_array import LanesArray
from f2fsim.cost.front_end_units import Units, crossbar, gathers
from f2fsim.cost.unit_gates import log2_of
from f2fsim.hw.arrays.contract import ArrayJob, ArrayKind, Floats
from f2fsim.hw.arrays.operands import StepReads, Words, mean_conflicts, step_reads
from f2fsim.hw.arrays.sums import AccumulatorMemory, StepSums, in_row_order, open_rows
from f2fsim.hw.description import IntSeq
from f2fsim.hw.front_ends import front_end_kind
from f2fsim.hw.front_ends.contract import FrontEndKind, Rates, UnitParts, mean_rounds
from f2fsim.hw.layer_machine import BandWork
from f2fsim.mapping.facts import LayerFacts
from f2fsim.mapping.geometry import ACCUMULATOR_BITS, ACTIVATION_BITS
from f2fsim.mapping.steps import BandSteps, LayerSteps
from f2fsim.mapping.totals import Totals
from f2fsim.sharing import shared

#: Stages of multiplexers between two registers of the network that puts steps in row order.
STAGES_A_CYCLE = 8
#: Assumed: bits of a column, which goes with its weight.
INDEX_BITS = 16
#: A layer without kept weights: its steps have the most places.
SPARSEST = LayerFacts(1, 1, 0.0, 8)


@dataclass(frozen=True, eq=False)
class GatheredWork(BandWork):
    """Steps, and what each one reads and adds for a wave of activation columns.

    Attributes
    ----------
    reads, words
        Words of activations.
    sum_words : int
        Words of the accumulators that are read, and as many that are written.
    is_all_rows : bool
        Whether sums of all rows are in work at once; otherwise only that of a row that a step ends
        within, and of one wave of columns this stays in a register.
    """

    reads: StepReads
    words: Words
    sum_words: int
    is_all_rows: bool

    def sum_words_of(self, waves: int) -> int:
        """Return the words that `waves` waves of columns read, and write."""
        return self.sum_words * waves if waves > 1 or self.is_all_rows else 0


class LanesKind(ArrayKind[LanesArray]):
    """Zeros are multiplied, gated or skipped; activations are gathered from the scratchpad."""

    model = LanesArray

    def pass_cycles(
        self,
        arch: ArchConfig,
        array: LanesArray,
        facts: LayerFacts,
        rows: Floats,
        columns: Floats,
    ) -> Floats:
        """Steps, each as long as its reads or as the sums that it adds to banks, about."""
        kind, front_end = front_end_kind(arch), arch.front_end
        weights = kind.step_weights(front_end, facts)
        slots = self.step_slots(arch, array, facts, weights)
        units = kind.unit_cycles(front_end, facts, weights)
        waves = np.ceil(columns / array.columns)
        steps = np.ceil(rows * facts.n_reduction / weights)
        if not kind.is_all_rows(front_end) or facts.is_dense:
            return np.asarray(steps * np.maximum(slots * waves, units))
        share = 1.0 if array.zeros == "multiply" else facts.density
        n_banks = self.accumulators(arch, array).n_banks
        cycles = np.empty_like(steps)
        for n_rows in np.unique(rows):
            of_rows = rows == n_rows
            updated = weights * share
            if n_rows < weights:
                updated = n_rows * (1 - (1 - share) ** (weights / n_rows))
            each = slots
            if n_rows > n_banks:
                n = max(round(updated / slots), 1)
                each = slots * max(1.0, mean_conflicts(n, n_banks, array.window))
            step = np.maximum(each * waves[of_rows], units)
            leaving = np.ceil(n_rows / n_banks) * waves[of_rows]
            cycles[of_rows] = (steps[of_rows] - 1) * step + np.maximum(step, leaving)
        return cycles

    def step_slots(
        self, arch: ArchConfig, array: LanesArray, facts: LayerFacts, weights: float
    ) -> float:
        """Return the cycles of a step; zeros take a slot unless they are skipped."""
        if array.zeros != "skip" or facts.is_dense:
            return mean_rounds(weights, 1.0, array.weights_per_cycle)
        slots = mean_rounds(weights, facts.reaching, array.weights_per_cycle)
        n_reads = min(round(weights * facts.reaching / slots), array.weights_per_cycle)
        return slots * mean_conflicts(n_reads, _banks(arch, array), array.window)

    def accumulators(self, arch: ArchConfig, array: LanesArray) -> AccumulatorMemory:
        """As declared; an order row by row adds to one row's sum in banks at a time."""
        all_rows = front_end_kind(arch).is_all_rows(arch.front_end)
        n_banks = array.accumulators.n_banks or (array.weights_per_cycle if all_rows else 1)
        return AccumulatorMemory(n_banks, array.columns, array.accumulator_bytes)

    def rows_held(self, arch: ArchConfig, array: LanesArray, band_rows: int) -> int:
        """All of a band where the order runs through all rows, else the one in work."""
        return band_rows if front_end_kind(arch).is_all_rows(arch.front_end) else 1

    def band_work(
        self,
        arch: ArchConfig,
        array: LanesArray,
        layer: Layer,
        band: tuple[PrunedTensor, EncodedTensor],
        first_row: int,
    ) -> GatheredWork:
        """Return the steps of the front end, and what each of them reads from the banks.

        Zeros that are multiplied read their activations, those that are gated or skipped do not.
        """
        steps = super().band_work(arch, array, layer, band, first_row).steps
        tensor, encoded = band
        every = array.zeros == "multiply" or steps.is_dense
        kind = front_end_kind(arch)
        is_all_rows = kind.is_all_rows(arch.front_end) and not steps.is_dense
        words = Words.of(
            arch.scratchpad,
            ACTIVATION_BITS[tensor.weight_type.name],
            min(array.columns, layer.n_columns),
        )
        n_banks = self.accumulators(arch, array).n_banks if is_all_rows else 0

        def places() -> tuple[IntSeq, IntSeq]:
            rows, columns = (
                FrontEndKind.matrix_places(kind, arch.front_end, encoded, tensor.mask, every=True)
                if steps.is_dense
                else kind.matrix_places(arch.front_end, encoded, tensor.mask, every=every)
            )
            if layer.n_groups > 1:  # every group of a convolution has inputs of its own
                columns = columns + (first_row + rows) // layer.n_outputs * layer.n_reduction
            return rows, columns

        def gathered() -> tuple[StepReads, int]:
            per_step = steps.n_weights if every else steps.n_kept
            n_columns = layer.n_groups * layer.n_reduction
            groups = np.maximum(-(-_taken(array, steps) // array.weights_per_cycle), 1)
            width = 0 if array.zeros == "gate" and not every else array.weights_per_cycle
            shape = width, array.window
            rows, columns = shared(encoded, ("places", every), places)
            if not is_all_rows:
                reads = step_reads(columns, per_step, groups, shape, words, n_columns)
                return reads, open_rows(steps, tensor.shape[1])
            rows, columns = in_row_order(rows, columns, per_step, tensor.shape[0])
            sums = StepSums.of(rows, per_step, n_banks)
            reads = step_reads(columns, per_step, groups, shape, words, n_columns, sums)
            # With the last step every row's sum leaves, by way of its bank if it has none of it.
            reads.cycles[-1] = max(int(reads.cycles[-1]), -(-tensor.shape[0] // n_banks))
            return reads, int(sums.per_step(per_step)[:-1].sum())

        # What a group of lanes takes follows from the steps, the lanes and what zeros do.
        lanes = array.weights_per_cycle, array.zeros, array.window
        key = "reads", kind.units_per_step(arch.front_end), lanes, words, n_banks
        reads, sum_words = shared(encoded, key, gathered)
        return GatheredWork(steps, reads, words, sum_words, is_all_rows)

    def build(self, job: ArrayJob, array: LanesArray) -> int:
        """Add the array; return the multiplications that took a multiplier's slot.

        A step holds its weights until every group of ``columns`` activation columns has passed;
        each wave of them takes the cycles of the step's reads (at least one a group of lanes).
        """
        steps = job.steps
        work = [one for one in job.work if isinstance(one, GatheredWork)]
        counts = [_taken(array, band) for band in steps.bands]
        waves = [-(-n // array.columns) for n in steps.tile_columns]
        service = steps.over_tiles([one.reads.cycles for one in work], waves)
        kept_of = [band.n_kept for band in steps.bands]
        kept = int(steps.over_tiles(kept_of, steps.tile_columns).sum())
        taken = int(steps.over_tiles(counts, steps.tile_columns).sum())
        is_dense = any(band.is_dense for band in steps.bands)
        useful = taken if array.zeros == "multiply" or is_dense else kept
        n_reads = int(steps.over_tiles([one.reads.n_reads for one in work], waves).sum())
        weight_reads = int(steps.over_tiles(counts, waves).sum())
        sum_words = sum(work[band].sum_words_of(waves[tile]) for band, tile in steps.passes)
        job.add(
            service,
            useful,
            taken - useful,
            weight_reads,
            n_reads * work[0].words.read_bytes,
            sum_words * self.accumulators(job.builder.arch, array).word_bytes,
        )
        return taken

    def least(
        self, arch: ArchConfig, array: LanesArray, totals: Totals, steps: IntSeq
    ) -> tuple[IntSeq, dict[str, IntSeq]]:
        """Every step, and every group of weights that take a slot, holds for each wave."""
        waves = -(-totals.n_columns // array.columns)
        taken = totals.n_kept if array.zeros == "skip" else totals.n_weights
        groups = np.maximum(-(-taken // array.weights_per_cycle), steps)
        useful = totals.n_weights if array.zeros == "multiply" else totals.n_kept
        # Lanes that want the same word share a read: one a group is certain.
        words = Words.of(arch.scratchpad, totals.activation_bits, array.columns)
        reads = -(-useful // array.weights_per_cycle) * waves
        actions = {
            "mac": useful * totals.n_columns,
            "register_byte": taken * waves,
            "sram_read_byte": reads * min(words.read_bytes, arch.scratchpad.bank_bytes_per_cycle),
        }
        if array.zeros == "gate" and not np.any(totals.may_be_dense):
            actions["mac_gated"] = (taken - useful) * totals.n_columns
        return groups * waves, actions

    def rates(self, array: LanesArray, steps: LayerSteps, work: Sequence[BandWork]) -> Rates:
        """A step holds its weights for all columns; a bank gives a word a cycle."""
        cycles = n_reads = 0
        n_banks = 1
        for band, tile in steps.passes:
            waves = -(-steps.tile_columns[tile] // array.columns)
            taken = _taken(array, steps.bands[band])
            cycles += int((-(-taken // array.weights_per_cycle)).sum()) * waves
            one = work[band]
            if isinstance(one, GatheredWork):
                n_reads += int(one.reads.n_reads.sum()) * one.words.each * waves
                n_banks = one.words.n_banks
        return {"array steps": (cycles, 1), "operand banks": (n_reads, n_banks)}

    def units(self, arch: ArchConfig, array: LanesArray) -> dict[str, Units]:
        """The crossbar from banks to lanes, and the request queues with their arbiter."""
        lanes, n_banks = array.weights_per_cycle, _banks(arch, array)
        found = {"operand crossbar": crossbar(lanes, n_banks, 8 * array.columns)}
        if array.window > 1:
            found["operand queues"] = gathers(lanes, n_banks, array.window, 8)
        return found

    def parts(self, arch: ArchConfig, array: LanesArray) -> UnitParts:
        """The units; the tree's bypasses and its way to banks; what puts steps in row order."""
        found = super().parts(arch, array)
        lanes, n_banks = array.weights_per_cycle, self.accumulators(arch, array).n_banks
        sum_bits = ACCUMULATOR_BITS * array.columns
        # A 2-to-1 multiplexer a node to start a row's sum, one a level to bring it to its bank.
        found.mux2_bits["adder tree"] = (lanes + n_banks * log2_of(lanes)) * sum_bits
        kind = front_end_kind(arch)
        if kind.is_all_rows(arch.front_end):
            n = int(kind.step_weights(arch.front_end, SPARSEST))
            n_stages = 3 * log2_of(n)  # a rotation, then a Benes network (2 log n - 1 stages)
            place_bits = 8 + 1 + INDEX_BITS
            found.mux2_bits["row order"] = n * n_stages * place_bits
            found.register_bits["row order"] = n * -(-n_stages // STAGES_A_CYCLE) * place_bits
        return found


def _banks(arch: ArchConfig, array: LanesArray) -> int:
    return Words.of(arch.scratchpad, 8, array.columns).n_banks


def _taken(array: LanesArray, band: BandSteps) -> IntSeq:
    """Return the weights of each step that take a slot."""
    return band.reaching if array.zeros == "skip" else band.n_weights
