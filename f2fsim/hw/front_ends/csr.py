"""CSR: row pointers and index decode, a round of entries (one a PE) a cycle."""

from __future__ import annotations

import numpy as np

from f2fsim.config.arch import ArchConfig
from f2fsim.config.front_end import CsrFrontEnd
from f2fsim.cost.front_end_units import index_decoder
from f2fsim.cost.unit_spec import Units
from f2fsim.hw.description import InPort, IntSeq, seq
from f2fsim.hw.front_ends.contract import ONE, FrontEndJob, FrontEndKind, Least, fifo_units
from f2fsim.mapping.facts import LayerFacts
from f2fsim.mapping.totals import Totals

#: Bits of a column index within the machine, where the format leaves it open.
INDEX_BITS = 12


class CsrKind(FrontEndKind[CsrFrontEnd]):
    """Values, column indices and row pointers, interleaved for the PEs of the array."""

    model = CsrFrontEnd
    title = "CSR"
    streams = ("pointers", "indices", "weights")

    def format_params(self, front_end: CsrFrontEnd, arch: ArchConfig) -> dict[str, object]:
        """Widths, and PEs that the stream is interleaved for."""
        return {
            "index_bits": front_end.index_bits,
            "pointer_bits": front_end.pointer_bits,
            "pointers": "counts",
            "interleave": getattr(arch.pe_array, "n_pes", 1),
        }

    def expected_bits(self, front_end: CsrFrontEnd, facts: LayerFacts) -> float:
        """Values with an index each, and a pointer a row."""
        index, pointer = front_end.index_bits, front_end.pointer_bits
        n_index = max((facts.n_reduction - 1).bit_length(), 1) if index == "auto" else index
        kept = facts.n_weights * facts.density
        return kept * (facts.weight_bits + n_index) + facts.n_rows * (
            n_index + 1 if pointer == "auto" else pointer
        )

    def dense_block(self, front_end: CsrFrontEnd, arch: ArchConfig) -> int:
        """A weight a PE."""
        return int(getattr(arch.pe_array, "n_pes", 1))

    def build(self, job: FrontEndJob, front_end: CsrFrontEnd) -> list[InPort]:
        """Add index decode; its parts are counted with the PEs that it serves."""
        n_values = job.total(job.over_passes(lambda band: band.reaching))
        n_indices = 0 if job.is_dense else n_values
        rounds = job.over_passes(lambda band: band.n_symbols)
        out = job.unit(
            "index decoder",
            "index_decoder",
            seq(np.maximum(rounds, 1)),
            [port for name in self.streams for port in job.stream(name)],
            {"index_decode": n_indices, "fifo_byte": n_values * job.weight_bits // 8},
            front_end.pipeline_cycles,
        )
        return [InPort(out, ONE, "index decoder empty")]

    def least(self, front_end: CsrFrontEnd, arch: ArchConfig, totals: Totals) -> Least:
        """Values, indices, and pointers that hold each row's own count."""
        index: IntSeq = np.array([max(int(k) - 1, 0).bit_length() for k in totals.n_reduction])
        if front_end.index_bits != "auto":
            index = np.full_like(index, front_end.index_bits)
        pointers = totals.count_bits
        if front_end.pointer_bits != "auto":
            pointers = totals.n_rows * front_end.pointer_bits
        return Least(
            bits=totals.value_bits + totals.n_kept * index + pointers,
            actions={
                "index_decode": totals.n_kept,
                "fifo_byte": totals.n_kept * totals.weight_bits // 8,
            },
        )

    def units(self, front_end: CsrFrontEnd, arch: ArchConfig, weight_bits: int) -> dict[str, Units]:
        """Queues of row lengths, index decode, buffers of indices and values."""
        n_pes = int(getattr(arch.pe_array, "n_pes", 1))
        index_bits, stages = front_end.index_bits, front_end.pipeline_cycles
        return {"index decoder": index_decoder(n_pes, index_bits, weight_bits, stages)}

    def fifo_bits(
        self, front_end: CsrFrontEnd, arch: ArchConfig, weight_bits: int
    ) -> dict[str, int]:
        """A window of entries of all PEs, each a value and an index."""
        entries = int(getattr(arch.pe_array, "n_pes", 1)) * int(getattr(arch.pe_array, "window", 1))
        index = INDEX_BITS if front_end.index_bits == "auto" else front_end.index_bits
        units = fifo_units(front_end, front_end.pipeline_cycles)
        return {"index decoder out": units * entries * (weight_bits + index)}
