"""Bitmap: a mask unit, and a prefix sum with an aligner of limited width."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from f2fsim.config.arch import ArchConfig
from f2fsim.config.front_end import BitmapFrontEnd
from f2fsim.cost.front_end_units import COUNT_CYCLES, aligner, mask_unit
from f2fsim.cost.unit_spec import Units
from f2fsim.hw.description import InPort
from f2fsim.hw.front_ends.contract import (
    ONE,
    FrontEndJob,
    FrontEndKind,
    Least,
    Rates,
    at_rate,
    fifo_units,
    mean_rounds,
    total_work,
)
from f2fsim.hw.front_ends.mask_unit import (
    add_mask_unit,
    mask_cycles,
    mask_format,
    mask_places,
    mask_unit_rates,
)
from f2fsim.mapping.facts import LayerFacts
from f2fsim.mapping.steps import LayerSteps
from f2fsim.mapping.totals import Totals


class BitmapKind(FrontEndKind[BitmapFrontEnd]):
    """One mask bit a weight and packed values (SparTen, SIGMA)."""

    model = BitmapFrontEnd
    title = "bitmap"
    streams = ("mask", "weights")
    is_mask_and_values = True

    def format_params(self, front_end: BitmapFrontEnd, arch: ArchConfig) -> dict[str, object]:
        """Block and mask code."""
        return {"block": front_end.block, "mask": mask_format(front_end)}

    def dense_block(self, front_end: BitmapFrontEnd, arch: ArchConfig) -> int | None:
        """The aligner's width; a flexible array keeps its own folds."""
        return front_end.aligner_weights if "lanes" in arch.pe_array.kind else None

    def step_weights(self, front_end: BitmapFrontEnd, facts: LayerFacts) -> float:
        """A block of the mask, or what the aligner passes."""
        return front_end.aligner_weights if facts.is_dense else front_end.block

    def unit_cycles(
        self,
        front_end: BitmapFrontEnd,
        facts: LayerFacts,
        weights: float,
        rows: NDArray[np.float64],
    ) -> float:
        """The aligner's, or the mask unit's."""
        aligned = mean_rounds(weights, facts.reaching, front_end.aligner_weights)
        return max(aligned, mask_cycles(front_end, facts, weights))

    def build(self, job: FrontEndJob, front_end: BitmapFrontEnd) -> list[InPort]:
        """Add mask unit and aligner."""
        masks = add_mask_unit(job, front_end, COUNT_CYCLES)
        reaching = job.over_passes(lambda band: band.reaching)
        n_all = job.total(reaching)
        n_indices = 0 if job.is_dense else n_all
        aligned = job.unit(
            "aligner",
            "aligner",
            at_rate(reaching, front_end.aligner_weights),
            [InPort(masks, ONE, "mask unit empty"), *job.stream("weights")],
            {"index_decode": n_indices, "fifo_byte": n_all * job.weight_bits // 8},
            front_end.pipeline_cycles,
        )
        return [InPort(aligned, ONE, "aligner empty")]

    def least(self, front_end: BitmapFrontEnd, arch: ArchConfig, totals: Totals) -> Least:
        """Raw mask and kept weights; of a code of masks nothing is known without encoding."""
        mask = totals.n_weights if front_end.mask_code == "raw" else 0 * totals.n_weights
        return Least(
            bits=totals.value_bits + mask,
            steps=-(-totals.n_weights // front_end.block),
            cycles=-(-totals.n_kept // front_end.aligner_weights),
            actions={
                "mask_bit": totals.n_weights,
                "index_decode": totals.n_kept,
                "fifo_byte": totals.n_kept * totals.weight_bits // 8,
            },
        )

    def rates(self, front_end: BitmapFrontEnd, steps: LayerSteps) -> Rates:
        """Kept weights and the aligner's width; words of the mask code."""
        n_kept = total_work(steps, lambda band: band.reaching)
        rates = {"aligner": (n_kept, front_end.aligner_weights)}
        if any(band.is_dense for band in steps.bands):
            return rates
        return rates | mask_unit_rates(front_end, steps, 1)

    def units(
        self, front_end: BitmapFrontEnd, arch: ArchConfig, weight_bits: int
    ) -> dict[str, Units]:
        """Mask unit; prefix sum, compaction and value buffer of the aligner."""
        n, lanes = front_end.block, front_end.aligner_weights
        masks = mask_places(front_end, COUNT_CYCLES)
        return {
            "mask unit": mask_unit(n, front_end.mask_code, front_end.mask_rate),
            "aligner": aligner(n, lanes, weight_bits, front_end.pipeline_cycles, masks),
        }

    def fifo_bits(
        self, front_end: BitmapFrontEnd, arch: ArchConfig, weight_bits: int
    ) -> dict[str, int]:
        """A block of the mask; what the aligner gives a cycle."""
        aligned = fifo_units(front_end, front_end.pipeline_cycles)
        return {
            "mask unit out": mask_places(front_end, COUNT_CYCLES) * front_end.block,
            "aligner out": aligned * front_end.aligner_weights * weight_bits,
        }
