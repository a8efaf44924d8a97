"""The layers of a network's run: what each is, and its share of the time axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from f2fsim.analytic import LayerTraffic, bound_cycles
from f2fsim.codec import EncodedTensor, PrunedTensor
from f2fsim.config.arch import ArchConfig
from f2fsim.config.layer import Layer
from f2fsim.hw.layer_machine import LayerMachine
from f2fsim.mapping.plan import Plan
from f2fsim.pipeline.layer_result import codec_stats, encoded_bits, plan_stats, shared_bits
from f2fsim.pipeline.target import Target
from f2fsim.results import LayerResult, PlanStats
from f2fsim.workloads import LayerData


@dataclass(frozen=True)
class LayerFacts:
    """What is known of a layer on a core before the run: numbers only, they outlive its weights."""

    weight_type: str
    n_weights: int
    n_kept: int
    format: str
    macs_effectual: int
    macs_issued: int
    encoded_bits: Mapping[str, int]
    codec_stats: Mapping[str, float]
    origins: Mapping[str, str]
    plan: PlanStats
    unit_rates: Mapping[str, tuple[int, int]]


def layer_facts(
    arch: ArchConfig,
    data: LayerData,
    plan: Plan,
    bands: Sequence[tuple[PrunedTensor, EncodedTensor]],
    built: LayerMachine,
    from_memory: float,
) -> LayerFacts:
    """Return the facts of a layer; `from_memory` is the share of its inputs that is not kept."""
    stats = plan_stats(data, plan, built, encoded_bits(arch, [one for _, one in bands]))
    encoded = [one for _, one in bands]
    tensor = data.tensor
    return LayerFacts(
        tensor.weight_type.name,
        tensor.n_weights,
        tensor.n_kept,
        encoded[0].format,
        built.macs_effectual,
        built.macs_issued,
        encoded_bits(arch, encoded),
        codec_stats(encoded) | shared_bits(tensor),
        {**data.origins, **built.origins},
        replace(stats, activation_fetches=from_memory * stats.activation_fetches),
        built.unit_rates,
    )


@dataclass
class LayerShare:
    """A layer's share of a run, all its runs together: ticks of the time axis, DRAM bytes."""

    layer: Layer
    cores: tuple[LayerFacts, ...]
    n_ticks: int = 0
    n_bytes: int = 0


def layer_result(target: Target, share: LayerShare, ticks_per_second: int) -> LayerResult:
    """Return a layer of a network's run; one run of several has its part, at least a tick."""
    arch, layer, cores = target.arch, share.layer, share.cores
    return LayerResult(
        name=layer.name,
        op=layer.kind,
        n_outputs=layer.n_outputs,
        n_reduction=layer.n_reduction,
        n_columns=layer.n_columns,
        weight_type=cores[0].weight_type,
        format=cores[0].format,
        n_weights=sum(one.n_weights for one in cores),
        n_kept=sum(one.n_kept for one in cores),
        macs_dense=layer.macs,
        macs_effectual=sum(one.macs_effectual for one in cores),
        macs_issued=sum(one.macs_issued for one in cores),
        n_ticks=max(1, share.n_ticks // layer.repeat),
        ticks_per_second=ticks_per_second,
        clock_hz=arch.clock,
        encoded_bits=added([one.encoded_bits for one in cores]),
        bound_cycles=_bounds(target, share),
        components=(),
        streams=(),
        memory=None,
        codec_stats=_stats([one.codec_stats for one in cores]),
        origins=cores[0].origins,
        n_multipliers=arch.pe_array.n_multipliers * arch.cores,
        repeat=layer.repeat,
        plan=cores[0].plan,
        stage_bytes=share.n_bytes // layer.repeat,
    )


def _bounds(target: Target, share: LayerShare) -> dict[str, int]:
    """Return the fewest cycles that each resource of a core needs for one run of the layer."""
    first, repeat = share.cores[0], share.layer.repeat
    traffic = LayerTraffic(
        {"all": 8 * share.n_bytes // repeat},
        target.dram.peak_bytes_per_second,
        target.arch.clock,
        first.macs_issued,
        target.arch.pe_array.n_multipliers,
        first.unit_rates,
    )
    return dict(bound_cycles(traffic))


def _stats(cores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the encoder's counts of all cores; its efficiency is that of all care bits."""
    total = {key: sum(one.get(key, 0) for one in cores) for key in cores[0] if key[:2] == "n_"}
    if total.get("n_care_bits"):
        total["efficiency"] = 1 - total.get("n_unmatched_bits", 0) / total["n_care_bits"]
    return total


def added(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """Return the sums of counts by name."""
    total: dict[str, int] = {}
    for one in counts:
        for name, n in one.items():
            total[name] = total.get(name, 0) + n
    return total
