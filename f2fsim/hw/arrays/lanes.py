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
from f2fsim.hw.arrays.contract import ArrayJob, ArrayKind
from f2fsim.hw.arrays.operands import StepReads, Words, mean_conflicts, step_reads
from f2fsim.hw.description import IntSeq
from f2fsim.hw.front_ends import front_end_kind
from f2fsim.hw.front_ends.contract import FrontEndKind, Rates, mean_rounds
from f2fsim.hw.layer_machine import BandWork
from f2fsim.mapping.facts import LayerFacts
from f2fsim.mapping.geometry import ACTIVATION_BITS
from f2fsim.mapping.steps import BandSteps, LayerSteps
from f2fsim.mapping.totals import Totals
from f2fsim.sharing import shared


@dataclass(frozen=True, eq=False)
class GatheredWork(BandWork):
    """Steps, and the words that each one reads for a wave of activation columns."""

    reads: StepReads
    words: Words


class LanesKind(ArrayKind[LanesArray]):
    """Zeros are multiplied, gated or skipped; activations are gathered from the scratchpad."""

    model = LanesArray

    def step_slots(
        self, arch: ArchConfig, array: LanesArray, facts: LayerFacts, weights: float
    ) -> float:
        """Return the cycles of a step; zeros take a slot unless they are skipped."""
        if array.zeros != "skip" or facts.is_dense:
            return mean_rounds(weights, 1.0, array.weights_per_cycle)
        slots = mean_rounds(weights, facts.reaching, array.weights_per_cycle)
        n_reads = min(round(weights * facts.reaching / slots), array.weights_per_cycle)
        return slots * mean_conflicts(n_reads, _banks(arch, array), array.window)

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

        def places() -> IntSeq:
            rows, columns = (
                FrontEndKind.matrix_places(kind, arch.front_end, encoded, tensor.mask, every=True)
                if steps.is_dense
                else kind.matrix_places(arch.front_end, encoded, tensor.mask, every=every)
            )
            if layer.n_groups > 1:  # every group of a convolution has inputs of its own
                columns = columns + (first_row + rows) // layer.n_outputs * layer.n_reduction
            return columns

        groups = np.maximum(-(-_taken(array, steps) // array.weights_per_cycle), 1)
        width = 0 if array.zeros == "gate" and not every else array.weights_per_cycle
        words = Words.of(
            arch.scratchpad,
            ACTIVATION_BITS[tensor.weight_type.name],
            min(array.columns, layer.n_columns),
        )

        def gathered() -> StepReads:
            return step_reads(
                shared(encoded, ("places", every), places),
                steps.n_weights if every else steps.n_kept,
                groups,
                (width, array.window),
                words,
                layer.n_groups * layer.n_reduction,
            )

        # What a group of lanes takes follows from the steps, the lanes and what zeros do.
        lanes = array.weights_per_cycle, array.zeros, array.window
        key = "reads", kind.units_per_step(arch.front_end), lanes, words
        return GatheredWork(steps, shared(encoded, key, gathered), words)

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
        job.add(service, useful, taken - useful, weight_reads, n_reads * work[0].words.read_bytes)
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


def _banks(arch: ArchConfig, array: LanesArray) -> int:
    return Words.of(arch.scratchpad, 8, array.columns).n_banks


def _taken(array: LanesArray, band: BandSteps) -> IntSeq:
    """Return the weights of each step that take a slot."""
    return band.reaching if array.zeros == "skip" else band.n_weights
