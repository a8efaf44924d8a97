"""N:M: index decode of groups of m positions with n kept."""

from __future__ import annotations

import numpy as np

from f2fsim.codec import PrunedTensor, WeightFormat
from f2fsim.codec.dense import DenseFormat
from f2fsim.config.arch import ArchConfig
from f2fsim.config.front_end import NmFrontEnd
from f2fsim.cost.front_end_units import nm_decoder
from f2fsim.cost.network_units import crossbar
from f2fsim.cost.unit_spec import Units
from f2fsim.hw.description import InPort
from f2fsim.hw.front_ends.contract import ONE, FrontEndJob, FrontEndKind, Least, fifo_units
from f2fsim.mapping.facts import LayerFacts
from f2fsim.mapping.totals import Totals


class NmKind(FrontEndKind[NmFrontEnd]):
    """``groups_per_cycle`` groups of m positions with n kept a cycle."""

    model = NmFrontEnd
    title = "N:M"
    streams = ("indices", "weights")
    dictates_pruning = True

    def format_params(self, front_end: NmFrontEnd, arch: ArchConfig) -> dict[str, object]:
        """The pattern, and groups a step."""
        return {"n": front_end.n, "m": front_end.m, "groups": front_end.groups_per_cycle}

    def layer_format(
        self, front_end: NmFrontEnd, arch: ArchConfig, tensor: PrunedTensor
    ) -> WeightFormat:
        """Layers that keep more than n of m weights (those left unpruned) are read densely."""
        n_rows, n_cols = tensor.shape
        padded = np.zeros((n_rows, -(-n_cols // front_end.m) * front_end.m), dtype=np.bool_)
        padded[:, :n_cols] = tensor.mask
        if int(padded.reshape(-1, front_end.m).sum(axis=1).max(initial=0)) <= front_end.n:
            return self.weight_format(arch)
        return DenseFormat(block=front_end.m * front_end.groups_per_cycle)

    def dictated_pattern(self, front_end: NmFrontEnd) -> tuple[int, int]:
        """Its pattern: it can hold no other mask."""
        return front_end.n, front_end.m

    def step_weights(self, front_end: NmFrontEnd, facts: LayerFacts) -> float:
        """The positions of a cycle's groups."""
        return front_end.m * front_end.groups_per_cycle

    def expected_bits(self, front_end: NmFrontEnd, facts: LayerFacts) -> float:
        """Values of n of m places with an index each."""
        if not _may_fit(front_end, facts):
            return facts.n_weights * float(facts.weight_bits)
        index = max((front_end.m - 1).bit_length(), 1)
        return facts.n_rows * _slots(front_end, facts) * (facts.weight_bits + index)

    def step_rounds(
        self, front_end: NmFrontEnd, facts: LayerFacts, weights: float, share: float, width: int
    ) -> float:
        """No group of m has more than its n: no step is fuller than another."""
        if not _may_fit(front_end, facts):
            return super().step_rounds(front_end, facts, weights, share, width)
        return max(weights * share / width, 1.0)

    def build(self, job: FrontEndJob, front_end: NmFrontEnd) -> list[InPort]:
        """Add index decode."""
        n_kept = job.total(job.over_passes(lambda band: band.n_stored))
        out = job.unit(
            "index decoder",
            "index_decoder",
            ONE,
            job.stream("indices") + job.stream("weights"),
            {"index_decode": n_kept, "fifo_byte": n_kept * job.weight_bits // 8},
            front_end.pipeline_cycles,
        )
        return [InPort(out, ONE, "index decoder empty")]

    def least(self, front_end: NmFrontEnd, arch: ArchConfig, totals: Totals) -> Least:
        """Values and indices of all slots; every weight of a layer that does not fit."""
        places, n, m = totals.n_weights, front_end.n, front_end.m
        whole, rest = np.divmod(totals.n_reduction, m)
        slots = totals.n_rows * (whole * n + np.minimum(rest, n))
        index = max((front_end.m - 1).bit_length(), 0)
        each = np.minimum(totals.value_bits // np.maximum(totals.n_kept, 1), totals.weight_bits)
        dense = places * totals.weight_bits
        own = np.minimum(slots * (each + index), dense)
        # A layer that keeps more than all its groups hold cannot fit; a narrow last group may.
        fits = totals.n_kept <= totals.n_rows * (whole + (rest > 0)) * n
        stored = np.where(fits, np.minimum(slots, places), places)
        return Least(
            bits=np.where(fits, own, dense),
            steps=-(-places // (front_end.m * front_end.groups_per_cycle)),
            actions={"index_decode": stored, "fifo_byte": stored * totals.weight_bits // 8},
        )

    def units(self, front_end: NmFrontEnd, arch: ArchConfig, weight_bits: int) -> dict[str, Units]:
        """Index decoder, and a multiplexer of m activation words for each slot."""
        groups, n, m = front_end.groups_per_cycle, front_end.n, front_end.m
        decoder = nm_decoder(groups, n, m, weight_bits)
        word_bits = 8 * int(getattr(arch.pe_array, "columns", 1))
        return {"index decoder": decoder, "operand select": crossbar(groups * n, m, word_bits)}

    def fifo_bits(
        self, front_end: NmFrontEnd, arch: ArchConfig, weight_bits: int
    ) -> dict[str, int]:
        """The kept weights of a cycle's groups, each a value and its place in the group."""
        index = max((front_end.m - 1).bit_length(), 1)
        kept = front_end.n * front_end.groups_per_cycle
        units = fifo_units(front_end, front_end.pipeline_cycles)
        return {"index decoder out": units * kept * (weight_bits + index)}


def _slots(front_end: NmFrontEnd, facts: LayerFacts) -> int:
    """Return the places that a row stores: n of each group, of a narrow last one what it has."""
    whole, rest = divmod(facts.n_reduction, front_end.m)
    return whole * front_end.n + min(rest, front_end.n)


def _may_fit(front_end: NmFrontEnd, facts: LayerFacts) -> bool:
    """Whether a layer keeps no more weights than all groups hold."""
    return facts.density * facts.n_reduction <= _slots(front_end, facts) + 1e-6
