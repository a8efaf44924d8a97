"""Dense weights: a buffer that passes on a step a cycle."""

from __future__ import annotations

from f2fsim.config.arch import ArchConfig
from f2fsim.config.front_end import DenseFrontEnd
from f2fsim.hw.description import InPort
from f2fsim.hw.front_ends.contract import ONE, FrontEndJob, FrontEndKind, Least, fifo_units
from f2fsim.mapping.facts import LayerFacts
from f2fsim.mapping.totals import Totals


class DenseKind(FrontEndKind[DenseFrontEnd]):
    """Weights as they are."""

    model = DenseFrontEnd
    title = "dense"
    streams = ("weights",)
    is_uncompressed = True
    unpriced = {"weight buffer": "is the FIFO behind it, which is priced"}  # noqa: RUF012

    def format_params(self, front_end: DenseFrontEnd, arch: ArchConfig) -> dict[str, object]:
        """Weights a step."""
        return {"block": front_end.weights_per_cycle}

    def step_weights(self, front_end: DenseFrontEnd, facts: LayerFacts) -> float:
        """The weights of a cycle."""
        return front_end.weights_per_cycle

    def expected_bits(self, front_end: DenseFrontEnd, facts: LayerFacts) -> float:
        """Exactly the type's bits."""
        return facts.n_weights * facts.weight_bits

    def build(self, job: FrontEndJob, front_end: DenseFrontEnd) -> list[InPort]:
        """Add the buffer."""
        out = job.unit(
            "weight buffer",
            "dense",
            ONE,
            job.stream("weights"),
            {"fifo_byte": job.n_weight_bytes()},
            front_end.pipeline_cycles,
        )
        return [InPort(out, ONE, "weight buffer empty")]

    def least(self, front_end: DenseFrontEnd, arch: ArchConfig, totals: Totals) -> Least:
        """Every weight as it is."""
        n_bits = totals.n_weights * totals.weight_bits
        steps = -(-totals.n_weights // front_end.weights_per_cycle)
        return Least(n_bits, steps, actions={"fifo_byte": n_bits // 8})

    def fifo_bits(
        self, front_end: DenseFrontEnd, arch: ArchConfig, weight_bits: int
    ) -> dict[str, int]:
        """The weights of a cycle."""
        units = fifo_units(front_end, front_end.pipeline_cycles)
        return {"weight buffer out": units * front_end.weights_per_cycle * weight_bits}
