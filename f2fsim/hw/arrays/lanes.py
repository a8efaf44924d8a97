"""Lanes: ``weights_per_cycle`` weights times ``columns`` activation columns a cycle."""

from __future__ import annotations

from f2fsim.config.pe_array import LanesArray
from f2fsim.hw.arrays.contract import ArrayJob, ArrayKind, passes_with_columns
from f2fsim.hw.description import IntSeq, seq
from f2fsim.hw.front_ends.contract import Rates, mean_rounds
from f2fsim.mapping.facts import LayerFacts
from f2fsim.mapping.steps import BandSteps, LayerSteps


class LanesKind(ArrayKind[LanesArray]):
    """Zeros are multiplied, gated or skipped."""

    model = LanesArray

    def step_slots(self, array: LanesArray, facts: LayerFacts, weights: float) -> float:
        """Return the slots of a step; zeros take one unless they are skipped."""
        share = facts.reaching if array.zeros == "skip" else 1.0
        return mean_rounds(weights, share, array.weights_per_cycle)

    def build(self, job: ArrayJob, array: LanesArray) -> int:
        """Add the array; return the multiplications that took a multiplier's slot.

        A step holds its weights until every group of ``columns`` activation columns has passed:
        ``ceil(weights / weights_per_cycle) · ceil(columns of the tile / columns)`` cycles.
        """
        steps = job.steps
        counts = [_taken(array, band) for band in steps.bands]
        slots = [-(-n // array.weights_per_cycle) for n in counts]
        waves = [-(-n // array.columns) for n in steps.tile_columns]
        service = steps.over_tiles([seq(s) for s in slots], waves)
        kept_of = [band.n_kept for band in steps.bands]
        kept = int(steps.over_tiles(kept_of, steps.tile_columns).sum())
        taken = int(steps.over_tiles(counts, steps.tile_columns).sum())
        is_dense = any(band.is_dense for band in steps.bands)
        useful = taken if array.zeros == "multiply" or is_dense else kept
        job.add(service, useful, taken - useful, int(steps.over_tiles(counts, waves).sum()))
        return taken

    def rates(self, array: LanesArray, steps: LayerSteps) -> Rates:
        """A step holds its weights for all columns, few as its weights may be."""
        cycles = 0
        for band, n_columns in passes_with_columns(steps):
            held = int((-(-_taken(array, band) // array.weights_per_cycle)).sum())
            cycles += held * -(-n_columns // array.columns)
        return {"array steps": (cycles, 1)}


def _taken(array: LanesArray, band: BandSteps) -> IntSeq:
    """Return the weights of each step that take a slot."""
    return band.reaching if array.zeros == "skip" else band.n_weights
