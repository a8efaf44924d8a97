"""Counters of one simulated layer and of a whole run: frozen, exact, serialisable.

Owns the shape of every result: reports, sweeps and the command line read these classes and
nothing else.  Ratios are properties; nothing here is rounded or averaged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from f2fsim.results.network import NetworkRun
from f2fsim.results.parts import ComponentStats, MemoryStats, PlanStats, StreamStats
from f2fsim.results.views import ResultViews
from f2fsim.results.words import clock_note, result_words

#: What the totals of a result are, by key.
TOTALS: Mapping[str, str] = {
    "n_cycles": "Core cycles of the whole workload.",
    "seconds": "Time of the whole workload.",
    "n_bytes": "DRAM bytes of the whole workload.",
    "macs_effectual": "Multiplications by kept weights.",
    "effective_gmacs_per_second": "Dense MACs done a second, in 1e9: pruned ones count as done.",
    "bits_per_weight": "Encoded bits a weight position, the mask counted.",
    "bits_per_weight_without_mask": "Encoded bits a weight position without the mask stream.",
    "energy_pj": "Energy of all components.",
    "area_um2": "Area of all components.",
}


@dataclass(frozen=True, repr=False)
class LayerResult:
    """One layer on one machine.

    In the run of a whole network a layer has no counters of its own (``components``, ``streams``
    and ``memory`` are empty: the parts work for several layers at a time); ``n_ticks`` is its
    share of the time axis, from the end of the stage before to its own, and may be shorter than
    ``bound_cycles``, since work for it is done ahead.

    Attributes
    ----------
    name, op : str
        The layer and its operation, the matrix product (M×K)·(K×N):
    n_outputs, n_reduction, n_columns : int
        M, K, N.
    weight_type, format : str
        Type of a weight, and format that they are encoded in.
    n_weights, n_kept : int
        Weight positions, and those not pruned.
    macs_dense, macs_effectual, macs_issued : int
        Multiplications of one run: as if dense, by kept weights, and multiplier slots taken.
    n_ticks, ticks_per_second : int
        Time of one run in integer ticks.
    clock_hz : int
        Core clock.
    encoded_bits : mapping of str to int
        Exact bits of each stream.
    bound_cycles : mapping of str to int
        Fewest core cycles that each resource alone would need, from formulas of their own.
    components : tuple of ComponentStats
        Where the cycles of every component went.
    streams : tuple of StreamStats
        Memory traffic by stream.
    memory : MemoryStats or None
        The DRAM, None without one.
    codec_stats, energy_pj : mapping of str to float
        Counts of the encoder (care bits …); energy of one run by component.
    energy_amounts : mapping of str to float
        How often one run pays each constant of the cost table: the energy is the sum of the
        products, also with other constants.
    origins : mapping of str to str
        Whether each input (weights, sparsity, activations) is ``measured``, ``given``, ``assumed``
        or ``synthetic``.
    n_multipliers, repeat : int
        Multipliers of the array, and runs of the layer in the workload.
    outputs_checked : int
        Outputs that a functional run compared with NumPy's; 0 if values did not flow.
    output_error : float
        Largest difference over the sum of the magnitudes of the output's products; 0 for integers.
    plan : PlanStats or None
        How it was cut and scheduled; None in results of before.
    what_if : mapping of str to float
        How many times faster the layer runs with twice of a resource, found by experiment
        (`f2fsim.what_if`); empty if nobody tried.
    stage_bytes : int
        DRAM bytes of one run in a whole network, whenever they moved; 0 for a layer by itself.
    """

    name: str
    op: str
    n_outputs: int
    n_reduction: int
    n_columns: int
    weight_type: str
    format: str
    n_weights: int
    n_kept: int
    macs_dense: int
    macs_effectual: int
    macs_issued: int
    n_ticks: int
    ticks_per_second: int
    clock_hz: int
    encoded_bits: Mapping[str, int]
    bound_cycles: Mapping[str, int]
    components: tuple[ComponentStats, ...]
    streams: tuple[StreamStats, ...]
    memory: MemoryStats | None
    codec_stats: Mapping[str, float] = field(default_factory=dict)
    energy_pj: Mapping[str, float] = field(default_factory=dict)
    energy_amounts: Mapping[str, float] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    n_multipliers: int = 0
    repeat: int = 1
    outputs_checked: int = 0
    output_error: float = 0.0
    plan: PlanStats | None = None
    what_if: Mapping[str, float] = field(default_factory=dict)
    stage_bytes: int = 0

    def __repr__(self) -> str:
        shape = f"({self.n_outputs}×{self.n_reduction})·({self.n_reduction}×{self.n_columns})"
        runs = f" × {self.repeat} runs" if self.repeat > 1 else ""
        return (
            f"LayerResult {self.name!r}: {self.op} {shape}, {self.weight_type} as {self.format}, "
            f"S={self.sparsity:.3g}: {self.n_cycles:,} cycles{runs}, {self.n_bytes:,} DRAM bytes, "
            f"{self.bits_per_weight:.4g} bit/weight"
        )

    @property
    def n_cycles(self) -> int:
        """Core clock cycles of one run of the layer, rounded up to a whole cycle."""
        return -(-self.n_ticks // (self.ticks_per_second // self.clock_hz))

    @property
    def seconds(self) -> float:
        """Time of all `repeat` runs of the layer."""
        return self.repeat * self.n_ticks / self.ticks_per_second

    @property
    def sparsity(self) -> float:
        """Share of pruned weights."""
        return 1.0 - self.n_kept / self.n_weights if self.n_weights else 0.0

    @property
    def bits_per_weight(self) -> float:
        """Encoded bits a weight position, the mask counted."""
        return sum(self.encoded_bits.values()) / self.n_weights if self.n_weights else 0.0

    @property
    def n_bytes(self) -> int:
        """DRAM bytes of one run of the layer, both directions, burst padding included."""
        return sum(stream.n_bytes for stream in self.streams) + self.stage_bytes

    @property
    def bandwidth_bytes_per_second(self) -> float:
        """DRAM bytes a second that were moved."""
        return self.n_bytes * self.ticks_per_second / self.n_ticks if self.n_ticks else 0.0

    @property
    def bound(self) -> int:
        """The largest of the analytic bounds, core cycles; 0 if none was computed."""
        return max(self.bound_cycles.values(), default=0)


@dataclass(frozen=True, repr=False)
class SimResult(ResultViews):
    """A workload on an architecture: its layers in order, and where everything came from.

    Attributes
    ----------
    arch, workload, format : str
        Names, and the weight format.
    layers : tuple of LayerResult
        In the order of execution.
    area_um2 : mapping of str to float
        Area by component; empty if no cost model was asked for.
    clock_limits_hz : mapping of str to float
        Clock that the logic of each component allows, estimated; empty if nobody asked.
    manifest : mapping
        Version, digests, seeds, package versions and configurations; no time stamp, so that the
        same run gives the same bytes.
    what_if : mapping of str to float
        How many times faster the whole run is with twice of a resource, found by experiment
        (`f2fsim.what_if`); empty if nobody tried.
    network : NetworkRun or None
        The whole network as one run; None if its layers were run by themselves (*isolated*).
    """

    arch: str
    workload: str
    format: str
    layers: tuple[LayerResult, ...]
    area_um2: Mapping[str, float] = field(default_factory=dict)
    manifest: Mapping[str, Any] = field(default_factory=dict)
    what_if: Mapping[str, float] = field(default_factory=dict)
    clock_limits_hz: Mapping[str, float] = field(default_factory=dict)
    network: NetworkRun | None = None

    @property
    def run(self) -> str:
        """``network`` if everything was one run, ``isolated`` if each layer was by itself."""
        return "isolated" if self.network is None else "network"

    @property
    def measured(self) -> Sequence[LayerResult | NetworkRun]:
        """What has counters of its own: the network's run, or each layer."""
        return self.layers if self.network is None else (self.network,)

    @property
    def clock_note(self) -> str:
        """Which part is too slow for the machine's clock, in words; empty if none is."""
        return clock_note(self)

    def __repr__(self) -> str:
        return result_words(self)

    @property
    def seconds(self) -> float:
        """Time of the whole workload; layers by themselves count one after another."""
        return sum(one.repeat * one.n_ticks / one.ticks_per_second for one in self.measured)

    @property
    def n_cycles(self) -> int:
        """Core cycles of the whole workload."""
        return sum(one.n_cycles * one.repeat for one in self.measured)

    @property
    def n_bytes(self) -> int:
        """DRAM bytes of the whole workload."""
        return sum(one.n_bytes * one.repeat for one in self.measured)

    @property
    def sparsity(self) -> float:
        """Share of pruned weights over the whole workload; N:M machines prune to their own."""
        n_weights = sum(layer.n_weights for layer in self.layers)
        n_kept = sum(layer.n_kept for layer in self.layers)
        return 1.0 - n_kept / n_weights if n_weights else 0.0

    @property
    def macs_effectual(self) -> int:
        """Multiplications by kept weights; of a network those of its attentions too."""
        if self.network is not None:
            return sum(stage.macs_effectual for stage in self.network.stages)
        return sum(layer.macs_effectual * layer.repeat for layer in self.layers)

    @property
    def macs_dense(self) -> int:
        """Multiplications as if no weight were pruned; of a network those of attentions too."""
        if self.network is not None:
            return sum(stage.macs_dense for stage in self.network.stages)
        return sum(layer.macs_dense * layer.repeat for layer in self.layers)

    @property
    def macs_issued(self) -> int:
        """Multiplier slots that the whole workload takes."""
        if self.network is not None:
            return sum(stage.macs_issued for stage in self.network.stages)
        return sum(layer.macs_issued * layer.repeat for layer in self.layers)

    @property
    def effective_gmacs_per_second(self) -> float:
        """Dense MACs of the workload done a second, in 1e9: pruned ones count as done."""
        return self.macs_dense / self.seconds / 1e9 if self.seconds else 0.0

    @property
    def bits_per_weight(self) -> float:
        """Encoded bits a weight position over the whole workload, the mask counted."""
        n_weights = sum(layer.n_weights for layer in self.layers)
        bits = sum(sum(layer.encoded_bits.values()) for layer in self.layers)
        return bits / n_weights if n_weights else 0.0

    @property
    def bits_per_weight_without_mask(self) -> float:
        """Encoded bits a weight position, the mask stream not counted."""
        n_weights = sum(layer.n_weights for layer in self.layers)
        bits = sum(
            n for layer in self.layers for name, n in layer.encoded_bits.items() if name != "mask"
        )
        return bits / n_weights if n_weights else 0.0

    @property
    def peak_bytes_per_second(self) -> float:
        """Peak bandwidth of the memory, 0 without one."""
        return max((m.memory.peak_bytes_per_second for m in self.measured if m.memory), default=0.0)

    @property
    def pe_utilisation(self) -> float:
        """Share of multiplier slots over all cycles that did an effectual multiplication."""
        slots = sum(one.n_cycles * one.repeat * one.n_multipliers for one in self.measured)
        return self.macs_effectual / slots if slots else 0.0

    @property
    def energy_pj(self) -> dict[str, float]:
        """Energy by component over the whole workload."""
        total: dict[str, float] = {}
        for one in self.measured:
            for name, value in one.energy_pj.items():
                total[name] = total.get(name, 0.0) + value * one.repeat
        return total

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; `f2fsim.results.parse.parse_result` is its inverse.

        ``run`` and ``totals`` hold what follows from the rest, for readers in other languages.
        """
        return asdict(self) | {"run": self.run, "totals": self.totals()}

    def totals(self) -> dict[str, float]:
        """Return the sums over all layers and runs, units in the names."""
        return {
            "n_cycles": self.n_cycles,
            "seconds": self.seconds,
            "n_bytes": self.n_bytes,
            "macs_effectual": self.macs_effectual,
            "effective_gmacs_per_second": self.effective_gmacs_per_second,
            "bits_per_weight": self.bits_per_weight,
            "bits_per_weight_without_mask": self.bits_per_weight_without_mask,
            "energy_pj": sum(self.energy_pj.values()),
            "area_um2": sum(self.area_um2.values()),
        }

    def _runs(self) -> Sequence[SimResult]:
        return (self,)

    def rows(self) -> list[dict[str, Any]]:
        """Return the totals as one plain row."""
        from f2fsim.results.rows import result_row

        return [result_row(self)]

    @classmethod
    def load(cls, path: str | Path) -> SimResult:
        """Read the one result of a folder, or of its ``results.json``.

        Raises
        ------
        DataError
            If the file is missing, damaged, or holds several results (`f2fsim.load` reads those).
        """
        from f2fsim.errors import DataError
        from f2fsim.results.files import read_results

        found = read_results(Path(path))
        if len(found) != 1:
            raise DataError(f"{path}: holds {len(found)} results, one is needed; see f2fsim.load")
        return found[0]
