"""CSR: row pointers and index decode, a round of entries (one a PE) a cycle."""

from __future__ import annotations

import numpy as np

from f2fsim.config.arch import ArchConfig
from f2fsim.config.front_end import CsrFrontEnd
from f2fsim.hw.description import InPort, seq
from f2fsim.hw.front_ends.contract import ONE, FrontEndJob, FrontEndKind


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

    def build(self, job: FrontEndJob, front_end: CsrFrontEnd) -> list[InPort]:
        """Add index decode; its parts are counted with the PEs that it serves."""
        n_kept = job.total(job.over_passes(lambda band: band.n_kept))
        rounds = job.over_passes(lambda band: band.n_symbols)
        out = job.unit(
            "index decoder",
            "index_decoder",
            seq(np.maximum(rounds, 1)),
            [port for name in self.streams for port in job.stream(name)],
            {"index_decode": n_kept, "fifo_byte": n_kept * job.weight_bits // 8},
            front_end.pipeline_cycles,
        )
        return [InPort(out, ONE, "index decoder empty")]
