"""Relative CSC (EIE): every PE decodes the zero runs of its own slice of a column.

The broadcast array is built as a whole (`f2fsim.hw.arrays.broadcast`): a PE walks through the
entries of its slice, index decode included, so that this front end has no component of its own.
"""

from __future__ import annotations

from f2fsim.config.arch import ArchConfig
from f2fsim.config.front_end import CscRelativeFrontEnd
from f2fsim.hw.description import InPort
from f2fsim.hw.front_ends.contract import FrontEndJob, FrontEndKind


class CscRelativeKind(FrontEndKind[CscRelativeFrontEnd]):
    """Column-major entries of a zero run and a value, with padding zeros."""

    model = CscRelativeFrontEnd
    title = "relative CSC (EIE)"
    streams = ("pointers", "indices", "weights")

    def format_params(self, front_end: CscRelativeFrontEnd, arch: ArchConfig) -> dict[str, object]:
        """Width of a run, and PEs that own the rows."""
        return {"run_bits": front_end.run_bits, "n_pes": getattr(arch.pe_array, "n_pes", 1)}

    def build(self, job: FrontEndJob, front_end: CscRelativeFrontEnd) -> list[InPort]:
        """Add nothing: the PEs of the array decode."""
        return []

    def fifo_bits(
        self, front_end: CscRelativeFrontEnd, arch: ArchConfig, weight_bits: int
    ) -> dict[str, int]:
        """None: the PEs' queues are the array's."""
        return {}
