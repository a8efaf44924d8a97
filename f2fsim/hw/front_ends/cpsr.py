"""Cyclic packed streams of rows (HiSparse): a cluster's loader unpacks its packets.

The clusters are built as a whole (`f2fsim.hw.arrays.clusters`): their queues hold the loader back,
so that this front end has no component of its own.
"""

from __future__ import annotations

from f2fsim.config.arch import ArchConfig
from f2fsim.config.front_end import CpsrFrontEnd
from f2fsim.hw.description import InPort
from f2fsim.hw.front_ends.contract import FrontEndJob, FrontEndKind, Least
from f2fsim.mapping.facts import LayerFacts
from f2fsim.mapping.totals import Totals


def vector_columns(arch: ArchConfig, n_clusters: int) -> int:
    """Return the activations that a cluster's vector buffer holds; it has two of them."""
    scratchpad = arch.scratchpad
    return max(scratchpad.capacity // (2 * n_clusters * scratchpad.bank_bytes_per_cycle), 1)


class CpsrKind(FrontEndKind[CpsrFrontEnd]):
    """Values and column indices of all PEs of a cluster in packets, markers between rows."""

    model = CpsrFrontEnd
    sized_by_capacity = True
    title = "packed CSR streams (HiSparse)"
    streams = ("pointers", "indices", "weights")

    def format_params(self, front_end: CpsrFrontEnd, arch: ArchConfig) -> dict[str, object]:
        """Widths, and the clusters that the rows are dealt to."""
        array = arch.pe_array
        n_clusters = int(getattr(array, "n_clusters", 1))
        return {
            "index_bits": front_end.index_bits,
            "value_bits": front_end.value_bits,
            "pointer_bits": front_end.pointer_bits,
            "n_clusters": n_clusters,
            "pack": getattr(array, "n_lanes", 1),
            "part_columns": vector_columns(arch, n_clusters),
        }

    def engines(self, front_end: CpsrFrontEnd, arch: ArchConfig) -> tuple[str, ...]:
        """One a cluster: a packet has values and indices."""
        return tuple(f"channel {c}" for c in range(getattr(arch.pe_array, "n_clusters", 1)))

    def expected_bits(self, front_end: CpsrFrontEnd, facts: LayerFacts) -> float:
        """A value and an index for each kept weight, and a marker a row."""
        value = front_end.value_bits
        index = front_end.index_bits
        n_value = facts.weight_bits if value == "auto" else value
        n_index = facts.n_reduction.bit_length() if index == "auto" else index
        return (facts.n_weights * facts.density + facts.n_rows) * (n_value + n_index)

    def least(self, front_end: CpsrFrontEnd, arch: ArchConfig, totals: Totals) -> Least:
        """An element a kept weight, if nothing is said of its width a bit of each field."""
        value, index = front_end.value_bits, front_end.index_bits
        n_value = totals.weight_bits if value == "auto" else value
        n_index = 1 if index == "auto" else index
        return Least(bits=totals.n_kept * (n_value + n_index))

    def build(self, job: FrontEndJob, front_end: CpsrFrontEnd) -> list[InPort]:
        """Add nothing: the clusters of the array unpack."""
        return []

    def fifo_bits(
        self, front_end: CpsrFrontEnd, arch: ArchConfig, weight_bits: int
    ) -> dict[str, int]:
        """None: the clusters' queues are the array's."""
        return {}
