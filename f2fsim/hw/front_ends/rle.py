"""Run length: a decoder of run-value pairs, padding included."""

from __future__ import annotations

from f2fsim.config.arch import ArchConfig
from f2fsim.config.front_end import RleFrontEnd
from f2fsim.hw.description import InPort
from f2fsim.hw.front_ends.contract import (
    ONE,
    FrontEndJob,
    FrontEndKind,
    Rates,
    at_rate,
    total_work,
)
from f2fsim.mapping.steps import LayerSteps


class RleKind(FrontEndKind[RleFrontEnd]):
    """Zero runs of ``run_bits`` and values (Eyeriss, SCNN)."""

    model = RleFrontEnd
    title = "run length"
    streams = ("indices", "weights")
    unpriced = {"run decoder": "not priced yet"}  # noqa: RUF012

    def format_params(self, front_end: RleFrontEnd, arch: ArchConfig) -> dict[str, object]:
        """Width of a run, and pairs a step."""
        return {"run_bits": front_end.run_bits, "chunk": front_end.entries_per_cycle}

    def build(self, job: FrontEndJob, front_end: RleFrontEnd) -> list[InPort]:
        """Add the run decoder."""
        n_stored = job.over_passes(lambda band: band.n_stored)
        n_all = job.total(n_stored)
        out = job.unit(
            "run decoder",
            "run_decoder",
            at_rate(n_stored, front_end.entries_per_cycle),
            job.stream("indices") + job.stream("weights"),
            {"index_decode": n_all, "fifo_byte": n_all},
            front_end.pipeline_cycles,
        )
        return [InPort(out, ONE, "run decoder empty")]

    def rates(self, front_end: RleFrontEnd, steps: LayerSteps) -> Rates:
        """Pairs and their rate."""
        n_stored = total_work(steps, lambda band: band.n_stored)
        return {"run decoder": (n_stored, front_end.entries_per_cycle)}
