"""Bitmap: a mask unit, and a prefix sum with an aligner of limited width."""

from __future__ import annotations

from f2fsim.config.arch import ArchConfig
from f2fsim.config.front_end import BitmapFrontEnd
from f2fsim.hw.description import InPort
from f2fsim.hw.front_ends.contract import (
    ONE,
    FrontEndJob,
    FrontEndKind,
    Rates,
    UnitParts,
    at_rate,
    total_work,
)
from f2fsim.hw.front_ends.mask_unit import add_mask_unit, mask_unit_rates
from f2fsim.mapping.steps import LayerSteps


class BitmapKind(FrontEndKind[BitmapFrontEnd]):
    """One mask bit a weight and packed values (SparTen, SIGMA)."""

    model = BitmapFrontEnd
    title = "bitmap"
    streams = ("mask", "weights")
    is_mask_and_values = True
    unpriced = {"mask unit": "not priced yet"}  # noqa: RUF012

    def format_params(self, front_end: BitmapFrontEnd, arch: ArchConfig) -> dict[str, object]:
        """Block and mask code."""
        return {"block": front_end.block, "mask": front_end.mask_code}

    def build(self, job: FrontEndJob, front_end: BitmapFrontEnd) -> list[InPort]:
        """Add mask unit and aligner."""
        masks = add_mask_unit(job, front_end)
        n_kept = job.over_passes(lambda band: band.n_kept)
        n_all = job.total(n_kept)
        aligned = job.unit(
            "aligner",
            "aligner",
            at_rate(n_kept, front_end.aligner_weights),
            [InPort(masks, ONE, "mask unit empty"), *job.stream("weights")],
            {"index_decode": n_all, "fifo_byte": n_all * job.weight_bits // 8},
            front_end.pipeline_cycles,
        )
        return [InPort(aligned, ONE, "aligner empty")]

    def rates(self, front_end: BitmapFrontEnd, steps: LayerSteps) -> Rates:
        """Kept weights and the aligner's width; words of the mask code."""
        n_kept = total_work(steps, lambda band: band.n_kept)
        rates = {"aligner": (n_kept, front_end.aligner_weights)}
        return rates | mask_unit_rates(front_end, steps, 1)

    def parts(self, front_end: BitmapFrontEnd, arch: ArchConfig, weight_bits: int) -> UnitParts:
        """Every lane takes its weight through a tree of 2-to-1 multiplexers."""
        depth = max(front_end.block - 1, 1).bit_length()
        found = UnitParts()
        found.mux2_bits["aligner"] = front_end.aligner_weights * depth * 8
        found.index_units["prefix sum"] = front_end.block
        return found

    def step_bits(self, front_end: BitmapFrontEnd, arch: ArchConfig, weight_bits: int) -> int:
        """What the aligner gives a cycle."""
        return front_end.aligner_weights * weight_bits
