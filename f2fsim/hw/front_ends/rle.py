"""Run length: a decoder of run-value pairs, padding included."""

from __future__ import annotations

import numpy as np

from f2fsim.config.arch import ArchConfig
from f2fsim.config.front_end import RleFrontEnd
from f2fsim.cost.front_end_units import run_decoder
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
    total_work,
)
from f2fsim.mapping.facts import LayerFacts
from f2fsim.mapping.steps import LayerSteps
from f2fsim.mapping.totals import Totals

#: Bits of a column index within the machine, where the format leaves it open.
INDEX_BITS = 12


class RleKind(FrontEndKind[RleFrontEnd]):
    """Zero runs of ``run_bits`` and values (Eyeriss, SCNN)."""

    model = RleFrontEnd
    title = "run length"
    streams = ("indices", "weights")

    def format_params(self, front_end: RleFrontEnd, arch: ArchConfig) -> dict[str, object]:
        """Width of a run, and pairs a step."""
        return {"run_bits": front_end.run_bits, "chunk": front_end.entries_per_cycle}

    def dense_block(self, front_end: RleFrontEnd, arch: ArchConfig) -> int:
        """As many weights as it takes pairs."""
        return front_end.entries_per_cycle

    def step_weights(self, front_end: RleFrontEnd, facts: LayerFacts) -> float:
        """The positions that a cycle's pairs cover, padding zeros being entries too."""
        if facts.is_dense:
            return front_end.entries_per_cycle
        # An entry covers a weight behind up to so many zeros less one, or as many zeros.
        most = 1 << front_end.run_bits
        if not facts.density:
            return front_end.entries_per_cycle * most
        return front_end.entries_per_cycle * (1 - (1 - facts.density) ** most) / facts.density

    def expected_bits(self, front_end: RleFrontEnd, facts: LayerFacts) -> float:
        """Pairs of a run and a value, padding zeros included."""
        entries = facts.n_weights / (self.step_weights(front_end, facts) or 1.0)
        n_pairs = entries * front_end.entries_per_cycle
        return n_pairs * (facts.weight_bits + front_end.run_bits)

    def build(self, job: FrontEndJob, front_end: RleFrontEnd) -> list[InPort]:
        """Add the run decoder."""
        n_stored = job.over_passes(lambda band: band.n_stored)
        n_all = job.total(n_stored)
        out = job.unit(
            "run decoder",
            "run_decoder",
            at_rate(n_stored, front_end.entries_per_cycle),
            job.stream("indices") + job.stream("weights"),
            {"index_decode": 0 if job.is_dense else n_all, "fifo_byte": n_all},
            front_end.pipeline_cycles,
        )
        return [InPort(out, ONE, "run decoder empty")]

    def least(self, front_end: RleFrontEnd, arch: ArchConfig, totals: Totals) -> Least:
        """Pairs of a run and a value, padding zeros within rows among them."""
        pairs = totals.entries(front_end.run_bits)
        padding = pairs - totals.n_kept
        each = totals.value_bits // np.maximum(totals.n_kept, 1)
        steps = -(-pairs // front_end.entries_per_cycle)
        return Least(
            bits=totals.value_bits + padding * each + pairs * front_end.run_bits,
            steps=steps,
            cycles=steps,
            actions={"index_decode": pairs, "fifo_byte": pairs},
        )

    def rates(self, front_end: RleFrontEnd, steps: LayerSteps) -> Rates:
        """Pairs and their rate."""
        n_stored = total_work(steps, lambda band: band.n_stored)
        return {"run decoder": (n_stored, front_end.entries_per_cycle)}

    def units(self, front_end: RleFrontEnd, arch: ArchConfig, weight_bits: int) -> dict[str, Units]:
        """Prefix sum of runs, and buffers of runs and values."""
        entries, stages = front_end.entries_per_cycle, front_end.pipeline_cycles
        return {"run decoder": run_decoder(entries, front_end.run_bits, weight_bits, stages)}

    def fifo_bits(
        self, front_end: RleFrontEnd, arch: ArchConfig, weight_bits: int
    ) -> dict[str, int]:
        """The pairs of a cycle, each a value and an index."""
        units = fifo_units(front_end, front_end.pipeline_cycles)
        pair = weight_bits + INDEX_BITS
        return {"run decoder out": units * front_end.entries_per_cycle * pair}
