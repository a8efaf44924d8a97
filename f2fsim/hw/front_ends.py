"""Weight front ends as components: from encoded streams to steps that the PE array takes.

Every builder adds its components and returns the channels (one unit a step) that the PE array
takes from, and the stall that each means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from f2fsim.config.front_end import (
    BitmapFrontEnd,
    CsrFrontEnd,
    DenseFrontEnd,
    F2fFrontEnd,
    FrontEnd,
    NmFrontEnd,
    RleFrontEnd,
)
from f2fsim.hw.description import InPort, IntSeq, OutPort, seq
from f2fsim.hw.layout import Segments, band_segments, fetched
from f2fsim.hw.parts import Parts
from f2fsim.hw.streams import weight_stream
from f2fsim.mapping.plan import Plan
from f2fsim.mapping.steps import BandSteps, LayerSteps

ONE = seq(1)


@dataclass(frozen=True)
class FrontEndJob:
    """What a builder needs: where to add parts, the schedule and the work."""

    parts: Parts
    plan: Plan
    steps: LayerSteps
    n_planes: int
    weight_bits: int

    @property
    def front_end(self) -> FrontEnd:
        """Configuration of the front end."""
        return self.parts.arch.front_end

    def over_passes(self, of_band: Callable[[BandSteps], IntSeq]) -> IntSeq:
        """Return an array over all steps from one over the steps of each band."""
        return self.steps.over_passes([of_band(band) for band in self.steps.bands])

    def stream(self, name: str) -> list[InPort]:
        """Return the port of a stream, or none if it is empty or the format lacks it."""
        if name not in self.steps.bands[0].stream_bits:
            return []
        port = weight_stream(self.parts, name, self.plan, self.steps, self.segments[name])
        return [port] if port else []

    @cached_property
    def segments(self) -> Mapping[str, list[Segments]]:
        """Where the streams that the front end fetches lie in memory."""
        bands = self.steps.bands
        names = [n for n in fetched(self.parts.arch) if n in bands[0].stream_bits]
        sizes = {name: [int(band.stream_bits[name].sum()) for band in bands] for name in names}
        return band_segments(self.parts, sizes)

    def unit(
        self,
        name: str,
        kind: str,
        service_cycles: IntSeq,
        inputs: list[InPort],
        actions: dict[str, int],
        latency_cycles: int = 1,
    ) -> str:
        """Add a component that takes a step an item, with a FIFO behind it; return the FIFO."""
        fifo = self.parts.channel(
            f"{name} out", self.front_end.fifo_units + latency_cycles - 1, latency_cycles
        )
        out = OutPort(fifo, ONE, f"{name} out full")
        n_items = self.steps.n_steps
        self.parts.component(name, kind, service_cycles, n_items, inputs, [out], actions)
        return fifo

    def total(self, values: IntSeq) -> int:
        """Return the sum over all steps of an array or constant."""
        n = self.steps.n_steps
        return int(values.sum()) if values.shape[0] == n else int(values[0]) * n


def at_rate(amount: IntSeq, rate: int) -> IntSeq:
    """Return the cycles for `amount` at `rate` a cycle, at least one."""
    return seq(np.maximum(-(-amount // rate), 1))


def f2f_front_end(job: FrontEndJob, front_end: F2fFrontEnd) -> list[InPort]:
    """Add XOR decoders, patch unit and mask unit, ``groups`` groups of each in lock step."""
    word = front_end.groups * front_end.n_in * job.n_planes // 8
    decoded = job.unit(
        "xor decoder",
        "xor_decoder",
        ONE,
        job.stream("weights") + job.stream("codebook"),
        {
            "xor_decode": job.n_planes * front_end.groups * job.steps.n_steps,
            "register_byte": word * job.steps.n_steps,
        },
        front_end.pipeline_cycles,
    )
    patched = job.unit(
        "patch unit",
        "patch_unit",
        at_rate(job.over_passes(lambda band: band.most_patches), front_end.patch_rate),
        [InPort(decoded, ONE, "xor decoder empty"), *job.stream("patches")],
        {
            "patch": job.total(job.over_passes(lambda band: band.n_patches)),
            "fifo_byte": _n_weight_bytes(job),
        },
    )
    masks = job.unit(
        "mask unit",
        "mask_unit",
        _mask_cycles(job, front_end.mask_code, front_end.mask_rate),
        job.stream("mask"),
        {"mask_bit": job.total(job.over_passes(lambda band: band.n_weights))},
    )
    return [InPort(patched, ONE, "patch unit empty"), InPort(masks, ONE, "mask unit empty")]


def _n_weight_bytes(job: FrontEndJob) -> int:
    return job.total(job.over_passes(lambda band: band.n_weights)) * job.weight_bits // 8


def _mask_cycles(job: FrontEndJob, code: str, rate: int) -> IntSeq:
    """A raw mask passes a step a cycle; a code takes its words at the unit's rate."""
    if code == "raw":
        return ONE
    return at_rate(job.over_passes(lambda band: band.most_symbols), rate)


def bitmap_front_end(job: FrontEndJob, front_end: BitmapFrontEnd) -> list[InPort]:
    """Add the mask unit, and the prefix sum with an aligner of limited width."""
    masks = job.unit(
        "mask unit",
        "mask_unit",
        _mask_cycles(job, front_end.mask_code, front_end.mask_rate),
        job.stream("mask"),
        {"mask_bit": job.total(job.over_passes(lambda band: band.n_weights))},
    )
    n_kept = job.over_passes(lambda band: band.n_kept)
    aligned = job.unit(
        "aligner",
        "aligner",
        at_rate(n_kept, front_end.aligner_weights),
        [InPort(masks, ONE, "mask unit empty"), *job.stream("weights")],
        {"index_decode": job.total(n_kept), "fifo_byte": job.total(n_kept) * job.weight_bits // 8},
        front_end.pipeline_cycles,
    )
    return [InPort(aligned, ONE, "aligner empty")]


def dense_front_end(job: FrontEndJob, front_end: DenseFrontEnd) -> list[InPort]:
    """Add a buffer that passes on a step a cycle."""
    out = job.unit(
        "weight buffer",
        "dense",
        ONE,
        job.stream("weights"),
        {"fifo_byte": _n_weight_bytes(job)},
        front_end.pipeline_cycles,
    )
    return [InPort(out, ONE, "weight buffer empty")]


def csr_front_end(job: FrontEndJob, front_end: CsrFrontEnd) -> list[InPort]:
    """Add index decode: a round of entries (one a PE) a cycle."""
    n_kept = job.total(job.over_passes(lambda band: band.n_kept))
    rounds = job.over_passes(lambda band: band.n_symbols)
    out = job.unit(
        "index decoder",
        "index_decoder",
        seq(np.maximum(rounds, 1)),
        [port for name in ("pointers", "indices", "weights") for port in job.stream(name)],
        {"index_decode": n_kept, "fifo_byte": n_kept * job.weight_bits // 8},
        front_end.pipeline_cycles,
    )
    return [InPort(out, ONE, "index decoder empty")]


def nm_front_end(job: FrontEndJob, front_end: NmFrontEnd) -> list[InPort]:
    """Add index decode of N:M groups, ``groups_per_cycle`` a cycle."""
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


def rle_front_end(job: FrontEndJob, front_end: RleFrontEnd) -> list[InPort]:
    """Add the run decoder, ``entries_per_cycle`` run-value pairs a cycle, padding included."""
    n_stored = job.over_passes(lambda band: band.n_stored)
    out = job.unit(
        "run decoder",
        "run_decoder",
        at_rate(n_stored, front_end.entries_per_cycle),
        job.stream("indices") + job.stream("weights"),
        {"index_decode": job.total(n_stored), "fifo_byte": job.total(n_stored)},
        front_end.pipeline_cycles,
    )
    return [InPort(out, ONE, "run decoder empty")]


def add_front_end(job: FrontEndJob) -> list[InPort]:
    """Add the front end that the architecture names."""
    front_end = job.front_end
    match front_end:
        case F2fFrontEnd():
            return f2f_front_end(job, front_end)
        case BitmapFrontEnd():
            return bitmap_front_end(job, front_end)
        case DenseFrontEnd():
            return dense_front_end(job, front_end)
        case CsrFrontEnd():
            return csr_front_end(job, front_end)
        case NmFrontEnd():
            return nm_front_end(job, front_end)
        case RleFrontEnd():
            return rle_front_end(job, front_end)
        case _:
            raise AssertionError(f"no builder for front end {front_end!r}")
