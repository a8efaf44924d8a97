"""Counters of a whole network's run: one time axis, stages, tensors and where they were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from f2fsim.results.parts import ComponentStats, MemoryStats, StreamStats


@dataclass(frozen=True)
class StageStats:
    """One stage of a network: a product with what is fused behind it, or a vector operation.

    Attributes
    ----------
    name, op : str
        The stage and its operation.
    fused : tuple of str
        Vector operations done on its outputs as they leave the array.
    ready, computed, done : int
        Ticks of the run: the scratchpad is the stage's, the array is done (both 0 for a stage of
        the vector unit), the vector unit is done.
    plan : str
        How a product is tiled.
    n_weights, n_kept : int
        Weight positions, and those not pruned.
    macs_dense, macs_effectual, macs_issued : int
        Multiplications as if dense, by kept weights, and multiplier slots taken.
    lane_operations : int
        Operations of vector lanes.
    held_bits, used_bits : int
        Kept maps of other stages, and everything that the scratchpad holds at most.
    decoded : int
        Tick at which the front end has done its first step on the weights; 0 without weights.
    n_bytes, cache_bytes : int
        DRAM bytes of the stage, both directions, whenever they move (weights are fetched ahead),
        and those of a KV cache among them.
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
    macs_issued: int = 0
    lane_operations: int = 0
    held_bits: int = 0
    used_bits: int = 0
    decoded: int = 0
    n_bytes: int = 0
    cache_bytes: int = 0


@dataclass(frozen=True)
class TensorStats:
    """A tensor between stages.

    Attributes
    ----------
    name : str
        Of the stage that makes it, or of the last operation fused there.
    n_bits : int
        Its size.
    place : str
        Where it was: ``scratchpad`` or ``memory``.
    first, last : int
        Numbers of the stage that makes it and of the last one that takes it.
    """

    name: str
    n_bits: int
    place: str
    first: int
    last: int


@dataclass(frozen=True)
class NetworkRun:
    """A whole network as one run, from the first fetch to the last write.

    Attributes
    ----------
    n_ticks, ticks_per_second, clock_hz : int
        Time of the run in integer ticks; core clock.
    stages : tuple of StageStats
        In the order of execution.
    tensors : tuple of TensorStats
        What stages hand on, and where it was.
    components : tuple of ComponentStats
        Where the cycles of every component went.
    streams : tuple of StreamStats
        Memory traffic by stream.
    memory : MemoryStats or None
        The DRAM, None without one.
    bound_cycles : mapping of str to int
        Fewest core cycles that each resource alone would need, over the whole network.
    scratchpad_bits, n_multipliers : int
        Size of a scratchpad; multipliers of all cores.
    residency : str
        The policy: ``auto``, ``none``, or names of tensors.
    energy_pj : mapping of str to float
        Energy by component.
    energy_amounts : mapping of str to float
        How often the run pays each constant of the cost table.
    notes : tuple of str
        What the run leaves out.
    n_pieces : int
        Into how many runs a network of many weights was cut, one after another.
    tokens, context : int
        Tokens that one run makes (0: none), and those that its KV caches held before.
    cache_bits : mapping of str to int
        What was read from KV caches and written to them.
    outputs_checked : int
        Outputs of stages that a functional run compared with NumPy's.
    """

    n_ticks: int
    ticks_per_second: int
    clock_hz: int
    stages: tuple[StageStats, ...]
    tensors: tuple[TensorStats, ...]
    components: tuple[ComponentStats, ...]
    streams: tuple[StreamStats, ...]
    memory: MemoryStats | None
    bound_cycles: Mapping[str, int]
    scratchpad_bits: int
    n_multipliers: int = 0
    residency: str = "auto"
    energy_pj: Mapping[str, float] = field(default_factory=dict)
    energy_amounts: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    n_pieces: int = 1
    tokens: int = 0
    context: int = 0
    cache_bits: Mapping[str, int] = field(default_factory=dict)
    outputs_checked: int = 0

    @property
    def repeat(self) -> int:
        """A network runs once; layers by themselves may run several times."""
        return 1

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
    def cache_bytes(self) -> int:
        """DRAM bytes of the KV caches, read and written."""
        names = self.cache_bits.keys()
        return sum(s.n_bytes for s in self.streams if s.name.rpartition(": ")[2] in names)

    @property
    def tokens_per_second(self) -> float:
        """Tokens that are made a second."""
        return self.tokens / self.seconds if self.n_ticks else 0.0

    @property
    def bound(self) -> int:
        """The largest of the analytic bounds, core cycles."""
        return max(self.bound_cycles.values(), default=0)

    @property
    def n_kept_tensors(self) -> int:
        """Tensors that stayed in the scratchpad."""
        return sum(one.place == "scratchpad" for one in self.tensors)


def network_row(run: NetworkRun) -> dict[str, Any]:
    """Return what a network's run has beside the figures of every run."""
    row: dict[str, Any] = {"kept_maps": f"{run.n_kept_tensors} of {len(run.tensors)}"}
    if run.tokens:
        row |= {
            "context": run.context,
            "tokens_per_second": run.tokens_per_second,
            "kv_share": run.cache_bytes / run.n_bytes,
            "energy_per_token_uj": sum(run.energy_pj.values()) / 1e6 / run.tokens,
        }
    return row


def token_row(run: NetworkRun, times: int = 1) -> dict[str, Any]:
    """Return what a token takes where the network is run `times` times for it.

    ``context`` are the tokens that the new one sees, itself among them.
    """
    energy_uj = sum(run.energy_pj.values()) / 1e6
    return {
        "context": run.context + 1,
        "tokens_per_second": run.tokens_per_second / times,
        "time_us": times * run.seconds * 1e6,
        "dram_mb": times * run.n_bytes / 1e6,
        "kv_pct": 100 * run.cache_bytes / run.n_bytes,
        "energy_per_token_uj": times * energy_uj / run.tokens if run.tokens else None,
    }


def stage_rows(run: NetworkRun) -> list[dict[str, Any]]:
    """Return the stages on the common time axis."""
    to_us = 1e6 / run.ticks_per_second
    return [
        {
            "stage": stage.name,
            "op": " + ".join((stage.op, *stage.fused)),
            "decoded_us": stage.decoded * to_us,
            "ready_us": stage.ready * to_us,
            "computed_us": stage.computed * to_us,
            "done_us": stage.done * to_us,
            "dram_bytes": stage.n_bytes,
            "plan": stage.plan,
            "held_bytes": stage.held_bits // 8,
            "used_bytes": stage.used_bits // 8,
        }
        for stage in run.stages
    ]


def tensor_rows(run: NetworkRun) -> list[dict[str, Any]]:
    """Return the tensors and where they were."""
    names = [stage.name for stage in run.stages]
    return [
        {
            "tensor": one.name,
            "bytes": one.n_bits // 8,
            "place": one.place,
            "from": names[one.first],
            "to": names[one.last],
        }
        for one in run.tensors
    ]


def residency_over_time(run: NetworkRun) -> list[dict[str, Any]]:
    """Return the bits that each kept tensor holds, stage by stage (a row a tensor and stage)."""
    return [
        {"stage": number, "tensor": one.name, "bits": one.n_bits}
        for one in run.tensors
        if one.place == "scratchpad"
        for number in range(one.first, one.last + 1)
    ]


def shared_notes(runs: Mapping[str, NetworkRun | None]) -> list[str]:
    """Return what runs leave out, each in a sentence that begins with the machines it is of."""
    told: dict[str, list[str]] = {}
    for name, run in runs.items():
        for note in run.notes if run is not None else ():
            told.setdefault(note, []).append(name)
    return [
        f"{'All' if len(names) == len(runs) else ', '.join(names)}: {note}."
        for note, names in told.items()
    ]
