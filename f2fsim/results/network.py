"""Counters of a whole network's run: one time axis, stages, tensors and where they were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from f2fsim.results.parts import ComponentStats, MemoryStats, StreamStats

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class StageStats:
    """One stage of a network: a product with what is fused behind it, or a vector operation.

    Times are ticks of the run: ``ready`` is when the scratchpad is the stage's (0 for a stage of
    the vector unit), ``computed`` when the array is done, ``done`` when the vector unit is.
    ``plan`` says how a product is tiled; ``held_bits`` are the kept maps of other stages,
    ``used_bits`` everything that the scratchpad holds at most.
    """

    name: str
    op: str
    fused: tuple[str, ...]
    ready: int
    computed: int
    done: int
    plan: str = ""
    n_weights: int = 0
    n_kept: int = 0
    macs_dense: int = 0
    macs_effectual: int = 0
    lane_operations: int = 0
    held_bits: int = 0
    used_bits: int = 0


@dataclass(frozen=True)
class TensorStats:
    """A tensor: its size, where it was (``scratchpad`` or ``memory``), its first and last stage."""

    name: str
    n_bits: int
    place: str
    first: int
    last: int


@dataclass(frozen=True, repr=False)
class NetworkResult:
    """A workload on an architecture as one run, from the first fetch to the last write.

    ``bound_cycles`` maps a resource to the fewest core cycles that it alone would need, over the
    whole network; ``encoded_bits`` maps a stream to the bits of all layers as they lie in memory.
    ``notes`` say what the run leaves out.  ``tokens`` are those that one run makes (0: the
    network makes none), ``context`` the tokens that its caches held before, ``cache_bits`` what
    was read from the caches and written to them, ``outputs_checked`` the outputs of stages that
    a functional run compared with NumPy's.
    """

    arch: str
    workload: str
    format: str
    n_ticks: int
    ticks_per_second: int
    clock_hz: int
    stages: tuple[StageStats, ...]
    tensors: tuple[TensorStats, ...]
    components: tuple[ComponentStats, ...]
    streams: tuple[StreamStats, ...]
    memory: MemoryStats | None
    bound_cycles: Mapping[str, int]
    encoded_bits: Mapping[str, int]
    scratchpad_bits: int
    n_multipliers: int = 0
    residency: str = "auto"
    energy_pj: Mapping[str, float] = field(default_factory=dict)
    area_um2: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    tokens: int = 0
    context: int = 0
    cache_bits: Mapping[str, int] = field(default_factory=dict)
    outputs_checked: int = 0
    manifest: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        tokens = f", {self.tokens_per_second:.4g} tokens/s" if self.tokens else ""
        return (
            f"NetworkResult of {self.workload} on {self.arch} ({self.format}), "
            f"{len(self.stages)} stages as one run: {self.seconds * 1e6:,.4g} us "
            f"({self.n_cycles:,} cycles), {self.n_bytes:,} DRAM bytes, "
            f"{self.bits_per_weight:.4g} bit/weight{tokens}"
        )

    def frame(self) -> pd.DataFrame:
        """Return one row a stage as a pandas table, its times in ticks."""
        import pandas as pd

        return pd.DataFrame([asdict(stage) for stage in self.stages])

    @property
    def n_cycles(self) -> int:
        """Core clock cycles, rounded up to a whole cycle."""
        return -(-self.n_ticks // (self.ticks_per_second // self.clock_hz))

    @property
    def seconds(self) -> float:
        """Time of the run."""
        return self.n_ticks / self.ticks_per_second

    @property
    def n_bytes(self) -> int:
        """DRAM bytes, both directions, burst padding included."""
        return sum(stream.n_bytes for stream in self.streams)

    @property
    def n_weights(self) -> int:
        """Weights of all layers."""
        return sum(stage.n_weights for stage in self.stages)

    @property
    def bits_per_weight(self) -> float:
        """Encoded bits a weight position, the mask counted."""
        return sum(self.encoded_bits.values()) / self.n_weights if self.n_weights else 0.0

    @property
    def tokens_per_second(self) -> float:
        """Tokens that are made a second."""
        return self.tokens / self.seconds if self.n_ticks else 0.0

    @property
    def bound(self) -> int:
        """The largest of the analytic bounds, core cycles."""
        return max(self.bound_cycles.values(), default=0)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)


def network_row(result: NetworkResult) -> dict[str, Any]:
    """Return a run's main figures."""
    kept = sum(one.place == "scratchpad" for one in result.tensors)
    tokens = {}
    if result.tokens:
        names = result.cache_bits.keys()
        cache = sum(s.n_bytes for s in result.streams if s.name.rpartition(": ")[2] in names)
        tokens = {
            "context": result.context,
            "tokens_per_second": result.tokens_per_second,
            "kv_share": cache / result.n_bytes,
            "energy_uj_per_token": sum(result.energy_pj.values()) / 1e6 / result.tokens,
        }
    return {
        "arch": result.arch,
        "format": result.format,
        "cycles": result.n_cycles,
        "time_us": result.seconds * 1e6,
        "dram_bytes": result.n_bytes,
        "bits_per_weight": result.bits_per_weight,
        "kept_maps": f"{kept} of {len(result.tensors)}",
        "bound_by": max(result.bound_cycles, key=lambda k: result.bound_cycles[k], default=""),
        "bound_cycles": result.bound,
        "energy_uj": sum(result.energy_pj.values()) / 1e6,
        **tokens,
    }


def stage_rows(result: NetworkResult) -> list[dict[str, Any]]:
    """Return the stages on the common time axis."""
    to_us = 1e6 / result.ticks_per_second
    return [
        {
            "stage": stage.name,
            "op": " + ".join((stage.op, *stage.fused)),
            "ready_us": stage.ready * to_us,
            "computed_us": stage.computed * to_us,
            "done_us": stage.done * to_us,
            "plan": stage.plan,
            "held_bytes": stage.held_bits // 8,
            "used_bytes": stage.used_bits // 8,
        }
        for stage in result.stages
    ]


def tensor_rows(result: NetworkResult) -> list[dict[str, Any]]:
    """Return the tensors and where they were."""
    names = [stage.name for stage in result.stages]
    return [
        {
            "tensor": one.name,
            "bytes": one.n_bits // 8,
            "place": one.place,
            "from": names[one.first],
            "to": names[one.last],
        }
        for one in result.tensors
    ]


def residency_over_time(result: NetworkResult) -> list[dict[str, Any]]:
    """Return the bits that each kept tensor holds, stage by stage (a row a tensor and stage)."""
    return [
        {"stage": number, "tensor": one.name, "bits": one.n_bits}
        for one in result.tensors
        if one.place == "scratchpad"
        for number in range(one.first, one.last + 1)
    ]
