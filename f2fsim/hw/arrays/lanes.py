"""Lanes: ``weights_per_cycle`` weights times ``columns`` activation columns a cycle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from f2fsim.config.arch import ArchConfig
from f2fsim.config.pe_array import LanesArray
from f2fsim.cost.unit_spec import Units
from f2fsim.hw.arrays.contract import ArrayKind, Floats, LayerWork, front_end_steps
from f2fsim.hw.arrays.job import ArrayJob
from f2fsim.hw.arrays.lane_estimates import order_cycles, read_cycles, sum_conflicts
from f2fsim.hw.arrays.lane_groups import lane_groups, lane_reads
from f2fsim.hw.arrays.lane_parts import (
    add_lane_parts,
    needs_queue,
    operand_units,
    sum_units,
    waiting_bytes,
)
from f2fsim.hw.arrays.lane_steps import given_weights, lane_queue
from f2fsim.hw.arrays.operands import StepReads, Words
from f2fsim.hw.arrays.sums import AccumulatorMemory
from f2fsim.hw.description import InPort, IntSeq
from f2fsim.hw.front_ends import front_end_kind
from f2fsim.hw.front_ends.contract import Rates, UnitParts
from f2fsim.hw.layer_machine import BandWork
from f2fsim.hw.machine_builder import MachineBuilder
from f2fsim.mapping.facts import LayerFacts
from f2fsim.mapping.steps import BandSteps, LayerSteps
from f2fsim.mapping.totals import Totals
from f2fsim.sharing import shared


@dataclass(frozen=True, eq=False)
class GatheredWork(BandWork):
    """Steps, and what each one reads and adds for a wave of activation columns.

    Attributes
    ----------
    fed : BandSteps
        Steps of the front end.
    reads, words
        Words of activations.
    sum_words : int
        Words of the accumulators that are read, and as many that are written.
    is_all_rows : bool
        Whether sums of all rows are in work at once; otherwise only that of a row that a step ends
        within, and of one wave of columns this stays in a register.
    """

    fed: BandSteps
    reads: StepReads
    words: Words
    sum_words: int
    is_all_rows: bool

    @property
    def fed_steps(self) -> BandSteps:
        """Steps of the front end."""
        return self.fed

    def sum_words_of(self, waves: int) -> int:
        """Return the words that `waves` waves of columns read, and write."""
        return self.sum_words * waves if waves > 1 or self.is_all_rows else 0


class LanesKind(ArrayKind[LanesArray]):
    """Zeros are multiplied, gated or skipped; activations are gathered from the scratchpad."""

    model = LanesArray
    sized_by_capacity = False
    own_keys = ("window", "shared_reads", "columns", "accumulators")
    fitting_keys = ("columns", "accumulators")

    def pass_cycles(
        self,
        arch: ArchConfig,
        array: LanesArray,
        facts: LayerFacts,
        rows: Floats,
        columns: Floats,
    ) -> tuple[Floats, Floats]:
        """Steps of the front end; full groups, as long as their reads or the sums they add."""
        kind, front_end = front_end_kind(arch), arch.front_end
        weights = kind.step_weights(front_end, facts)
        units = kind.unit_cycles(front_end, facts, weights, rows)
        waves = np.ceil(columns / array.columns)
        share = facts.reaching if array.zeros == "skip" else 1.0
        # The lane queue takes a step that brings more than the lanes take in several cycles.
        queued = kind.step_rounds(front_end, facts, weights, share, array.weights_per_cycle)
        steps = rows * facts.n_reduction / weights
        # A last step that is not full takes as many cycles fewer.
        fed = np.maximum(np.ceil(steps), steps * np.maximum(units, queued))
        full = rows * facts.n_reduction * share / array.weights_per_cycle
        groups = np.ceil(full)
        if not kind.is_all_rows(front_end) or facts.is_dense:
            each = read_cycles(arch, array, facts, rows, columns)
            return fed, groups * np.maximum(each, 1.0) * waves
        n_banks = self.accumulators(arch, array).n_banks
        leaving = np.maximum(np.ceil(rows / n_banks) - 1, 0)
        if array.zeros == "skip":
            each = order_cycles(arch, array, facts, rows, columns)
        else:
            added = array.weights_per_cycle * (facts.density if array.zeros == "gate" else 1.0)
            meet = sum_conflicts(rows, added, facts.density, n_banks)
            each = np.maximum(read_cycles(arch, array, facts, rows, columns), meet)
        return fed, (groups * each + leaving) * waves

    def pass_steps(
        self,
        arch: ArchConfig,
        array: LanesArray,
        facts: LayerFacts,
        rows: Floats,
        *,
        all_rows: bool,
    ) -> Floats:
        """Groups of lanes, or rows if these are fewer."""
        if all_rows:
            return np.ones_like(rows)
        share = facts.reaching if array.zeros == "skip" else 1.0
        groups = rows * facts.n_reduction * share / array.weights_per_cycle
        return np.maximum(np.minimum(rows, groups), 1.0)

    def accumulators(self, arch: ArchConfig, array: LanesArray) -> AccumulatorMemory:
        """As declared; an order row by row adds to one row's sum in banks at a time."""
        all_rows = front_end_kind(arch).is_all_rows(arch.front_end)
        n_banks = array.accumulators.n_banks or (array.weights_per_cycle if all_rows else 1)
        return AccumulatorMemory(n_banks, array.columns, array.accumulator_bytes)

    def rows_held(self, arch: ArchConfig, array: LanesArray, band_rows: int) -> int:
        """All of a band where the order runs through all rows, else the one in work."""
        return band_rows if front_end_kind(arch).is_all_rows(arch.front_end) else 1

    def layer_work(self, work: LayerWork, array: LanesArray) -> list[GatheredWork]:
        """Return full groups of lanes as steps, and what each of them reads and adds.

        Zeros that are multiplied read their activations, those that are gated or skipped do not.
        """
        arch, bands = work.arch, work.bands
        kind, front_end = front_end_kind(arch), arch.front_end
        taken = kind.units_per_step(front_end), kind.is_all_rows(front_end)
        fed = shared(
            bands[0][1],
            ("steps", taken, work.plan.band_rows),
            lambda: [front_end_steps(arch, encoded) for _, encoded in bands],
        )
        is_dense = fed[0].is_dense
        is_all_rows = kind.is_all_rows(front_end) and not is_dense
        wave = min(array.columns, work.layer.n_columns)
        words = Words.of(arch.scratchpad, work.activation_bits, wave)
        n_banks = self.accumulators(arch, array).n_banks if is_all_rows else 0
        groups = lane_groups(work, array, fed, n_banks)
        reads = lane_reads(work, array, groups, words)
        by_band = zip(groups.steps, fed, reads, groups.sum_words, strict=True)
        return [
            GatheredWork(steps, of_fed, read, words, n_sums, is_all_rows)
            for steps, of_fed, read, n_sums in by_band
        ]

    def fed_ports(
        self,
        array: LanesArray,
        ports: list[InPort],
        builder: MachineBuilder,
        fed: LayerSteps,
        steps: LayerSteps,
        weight_bits: int,
    ) -> list[InPort]:
        """A queue that gives full groups, unless every step is one."""
        if not needs_queue(builder.arch, array):
            return ports
        skips = array.zeros == "skip"
        given, taken = given_weights(fed, skips=skips), given_weights(steps, skips=skips)
        return lane_queue(builder, ports, given, taken, (array.weights_per_cycle, weight_bits))

    def build(self, job: ArrayJob, array: LanesArray) -> int:
        """Add the array; return the multiplications that took a multiplier's slot.

        A step holds its weights until every group of ``columns`` activation columns has passed;
        each wave of them takes the cycles of the step's reads (at least one a group of lanes).
        """
        steps = job.steps
        work = [one for one in job.work if isinstance(one, GatheredWork)]
        skips = array.zeros == "skip"
        counts = [band.total_reaching if skips else band.total_weights for band in steps.bands]
        waves = [-(-n // array.columns) for n in steps.tile_columns]
        service = steps.over_tiles([one.reads.cycles for one in work], waves)
        kept = steps.total([band.total_kept for band in steps.bands], steps.tile_columns)
        taken = steps.total(counts, steps.tile_columns)
        is_dense = any(band.is_dense for band in steps.bands)
        useful = taken if array.zeros == "multiply" or is_dense else kept
        n_reads = steps.total([one.reads.n_reads for one in work], waves)
        n_waiting = steps.total([one.reads.n_waiting for one in work], waves)
        weight_reads = steps.total(counts, waves)
        sum_words = sum(work[band].sum_words_of(waves[tile]) for band, tile in steps.passes)
        job.add(
            service,
            useful,
            taken - useful,
            weight_reads,
            n_reads * work[0].words.read_bytes,
            sum_words * self.accumulators(job.builder.arch, array).word_bytes,
            queued_bytes=n_waiting * waiting_bytes(job.builder.arch, array, work[0].words),
        )
        return taken

    def least(
        self, arch: ArchConfig, array: LanesArray, totals: Totals, steps: IntSeq
    ) -> tuple[IntSeq, dict[str, IntSeq]]:
        """Every group of weights that take a slot holds for each wave; steps of the front end."""
        waves = -(-totals.n_columns // array.columns)
        taken = totals.n_kept if array.zeros == "skip" else totals.n_weights
        groups = -(-taken // array.weights_per_cycle)
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
        return np.maximum(groups * waves, steps), actions

    def rates(self, array: LanesArray, steps: LayerSteps, work: Sequence[BandWork]) -> Rates:
        """A step holds its weights for all columns; a bank gives a word a cycle."""
        cycles = fullest = 0
        lanes = array.weights_per_cycle
        groups = [int((-(-_taken(array, band) // lanes)).sum()) for band in steps.bands]
        for band, tile in steps.passes:
            waves = -(-steps.tile_columns[tile] // array.columns)
            cycles += groups[band] * waves
            one = work[band]
            if isinstance(one, GatheredWork):
                fullest += one.reads.fullest * waves
        return {"array steps": (cycles, 1), "operand banks": (fullest, 1)}

    def units(self, arch: ArchConfig, array: LanesArray) -> dict[str, Units]:
        """What brings activations to lanes, adds products, and brings sums to their rows."""
        sums = self.accumulators(arch, array)
        return {**operand_units(arch, array), **sum_units(arch, array, sums)}

    def parts(self, arch: ArchConfig, array: LanesArray) -> UnitParts:
        """The units, adders apart; queues of operands and of lanes."""
        found = super().parts(arch, array)
        trees = self.units(arch, array).get("adder tree", ())
        add_lane_parts(found, arch, array, self.accumulators(arch, array), trees)
        return found


def _taken(array: LanesArray, band: BandSteps) -> IntSeq:
    """Return the weights of each step that take a slot."""
    return band.reaching if array.zeros == "skip" else band.n_weights
