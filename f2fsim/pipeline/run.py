"""`simulate` and `compare`: whole workloads, layer by layer, one architecture or several."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from f2fsim._version import __version__
from f2fsim.codec import EncodedTensor, PrunedTensor, WeightFormat
from f2fsim.config import Workload, load_workload
from f2fsim.config.arch import ArchConfig, load_arch
from f2fsim.engine import check_engine
from f2fsim.engine.trace import Trace
from f2fsim.errors import ConfigError
from f2fsim.hw.arrays import array_kind
from f2fsim.hw.dram import DramParams, dram_params
from f2fsim.hw.front_ends import front_end_kind
from f2fsim.pipeline.cache import EncodingCache
from f2fsim.pipeline.cost import CostModel
from f2fsim.pipeline.layer import LayerJob, run_layer
from f2fsim.results import Comparison, LayerResult, SimResult
from f2fsim.sharing import shared
from f2fsim.workloads import LayerData, iterate_layers

#: Called as (done, total, label): layers done of all layers on all architectures, and the next.
Progress = Callable[[int, int, str], None]

#: Yields the layers of a workload in order; a sweep keeps them in memory from point to point.
ReadLayers = Callable[[Workload], Iterator[LayerData]]

#: Packages whose versions a manifest names.
MANIFEST_PACKAGES = ("numpy", "scipy", "simpy", "pydantic", "pyyaml", "onnx", "safetensors")


@dataclass(frozen=True)
class Target:
    """One architecture of a comparison, ready to run, with the workload as it takes it."""

    arch: ArchConfig
    dram: DramParams
    workload: Workload
    encode: Callable[[WeightFormat, PrunedTensor], EncodedTensor]
    cost: CostModel


def simulate(
    arch: ArchConfig | str | Path,
    workload: Workload | str | Path,
    *,
    sparsity: float | None = None,
    weight_type: str | None = None,
    batch: int | None = None,
    seed: int | None = None,
    layers: list[str] | None = None,
    engine: str = "compiled",
    functional: bool = False,
    cache: EncodingCache | str | None = "default",
    trace: Trace | None = None,
    progress: Progress | None = None,
    read_layers: ReadLayers = iterate_layers,
) -> SimResult:
    """Simulate a workload on an architecture.

    Parameters
    ----------
    arch, workload
        A configuration, the name of a shipped one, or the path of a YAML file.
    sparsity, weight_type, batch, seed, layers
        Override the workload's own (see `Workload.with_overrides`).
    engine : {"compiled", "event"}
        Both give the same counters; ``event`` is the definition.
    functional : bool
        Let values flow too: activations are drawn, multiplied with what the machine decodes from
        its streams in the order of its schedule, and every output is compared with NumPy's on the
        pruned weights (``LayerResult.outputs_checked`` and ``output_error``).
    cache : EncodingCache, None or "default"
        Where encodings are kept.
    trace : Trace, optional
        An open trace file; its layers are run by the ``event`` engine.
    progress : callable, optional
        Called before each layer with (done, total, label).
    read_layers : callable
        Yields the layers of a workload, in place of reading and pruning them.

    Raises
    ------
    InputError
        For anything wrong with a configuration, a file or a value.
    """
    results = compare(
        workload,
        [arch],
        sparsity=sparsity,
        weight_type=weight_type,
        batch=batch,
        seed=seed,
        layers=layers,
        engine=engine,
        functional=functional,
        cache=cache,
        trace=trace,
        progress=progress,
        read_layers=read_layers,
    )
    return results[0]


def compare(
    workload: Workload | str | Path,
    archs: Sequence[ArchConfig | str | Path],
    *,
    sparsity: float | None = None,
    weight_type: str | None = None,
    batch: int | None = None,
    seed: int | None = None,
    layers: list[str] | None = None,
    engine: str = "compiled",
    functional: bool = False,
    cache: EncodingCache | str | None = "default",
    trace: Trace | None = None,
    progress: Progress | None = None,
    read_layers: ReadLayers = iterate_layers,
) -> Comparison:
    """Simulate a workload on several architectures; parameters as in `simulate`.

    Every architecture gets the same pruned tensors, but for N:M ones: these take the same trained
    weights pruned to their pattern, since they can hold no other mask.
    """
    check_engine(engine)
    base = workload if isinstance(workload, Workload) else load_workload(workload)
    if any(value is not None for value in (sparsity, weight_type, batch, seed, layers)):
        base = base.with_overrides(
            sparsity=sparsity, weight_type=weight_type, batch=batch, seed=seed, layers=layers
        )
    store = EncodingCache.default() if isinstance(cache, str) else cache
    targets = [make_target(arch, base, store) for arch in archs]
    for one in targets:
        if one.arch.cores > 1:
            rule = f"layers by themselves run on one core, got {one.arch.cores}"
            raise ConfigError(f"{one.arch.place('cores')}: {rule}; see f2fsim network")
    done: list[list[LayerResult]] = [[] for _ in targets]
    total = len(base.layers) * len(targets)
    for count, (i, job) in enumerate(_jobs(targets, engine, read_layers)):
        name = job.data.layer.name
        if progress:
            progress(count, total, f"{job.arch.name}, {name}")
        seen = trace.observer(name) if trace else None
        done[i].append(run_layer(replace(job, observer=seen, functional=functional)))
    if progress:
        progress(total, total, "")
    return Comparison(
        [
            SimResult(
                arch=target.arch.name,
                workload=base.name,
                format=target.arch.format,
                layers=tuple(results),
                area_um2=target.cost.area_um2(base.widest_weight_type),
                clock_limits_hz=target.cost.clock_limits_hz(base.widest_weight_type),
                manifest=manifest(target, engine),
            )
            for target, results in zip(targets, done, strict=True)
        ]
    )


def layer_jobs(
    workload: Workload,
    arch: ArchConfig | str | Path,
    cache: EncodingCache | None = None,
    engine: str = "compiled",
) -> Iterator[LayerJob]:
    """Yield what `simulate` runs on an architecture, layer by layer, without running it."""
    for _, job in _jobs([make_target(arch, workload, cache)], engine, iterate_layers):
        yield job


def _jobs(
    targets: Sequence[Target], engine: str, read_layers: ReadLayers
) -> Iterator[tuple[int, LayerJob]]:
    """Yield the jobs of every layer on every target, and the target's number."""
    for data in _layers_of([target.workload for target in targets], read_layers):
        for i, target in enumerate(targets):
            yield i, LayerJob(target.arch, target.dram, data[i], target.encode, engine, target.cost)


def make_target(
    arch: ArchConfig | str | Path, workload: Workload, store: EncodingCache | None
) -> Target:
    """Return an architecture ready to run, and the workload as it takes it."""
    config = arch if isinstance(arch, ArchConfig) else load_arch(arch)
    encode = store.encode if store else _encode
    pattern = front_end_kind(config).dictated_pattern(config.front_end)
    if pattern is not None:
        workload = workload.in_pattern(*pattern)
    spec = config.dram()
    dram = shared(spec, "parameters", lambda: dram_params(spec))
    try:
        cost = CostModel.of(config)
    except ConfigError as error:
        raise config.located(error) from None
    return Target(config, dram, workload, encode, cost)


def _encode(weight_format: WeightFormat, tensor: PrunedTensor) -> EncodedTensor:
    return weight_format.encode(tensor)


def _layers_of(workloads: Sequence[Workload], read_layers: ReadLayers) -> Iterator[list[LayerData]]:
    """Yield each layer once for every workload; equal workloads share one reading."""
    distinct: list[Workload] = []
    for workload in workloads:
        if not any(workload.digest() == other.digest() for other in distinct):
            distinct.append(workload)
    place = [
        next(i for i, other in enumerate(distinct) if other.digest() == workload.digest())
        for workload in workloads
    ]
    for data in zip(*(read_layers(workload) for workload in distinct), strict=True):
        yield [data[i] for i in place]


@cache
def _versions() -> dict[str, str]:
    """Return the versions of `MANIFEST_PACKAGES` that are installed."""
    versions = {}
    for name in MANIFEST_PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def manifest(target: Target, engine: str) -> dict[str, Any]:
    """Return where a result comes from; the same run gives the same manifest."""
    workload = target.workload
    return {
        "f2fsim": __version__,
        "engine": engine,
        "arch": target.arch.model_dump(mode="json"),
        "arch_digest": target.arch.digest(),
        "dram": target.arch.dram().model_dump(mode="json"),
        "workload_digest": workload.digest(),
        "workload": workload.model_dump(mode="json", exclude={"layers", "operations", "excluded"}),
        "zero_activations": _zero_activations(target.arch, workload),
        "seed": workload.seed,
        "packages": dict(_versions()),
    }


def _zero_activations(arch: ArchConfig, workload: Workload) -> str:
    """Return what the machine makes of activations that are zero, as far as there are any."""
    given = (layer.activation_density for layer in workload.layers)
    densities = [workload.activations.density if d is None else d for d in given]
    if min(densities, default=1.0) == 1.0:
        return "none"
    return "skipped" if array_kind(arch).skips_zero_activations else "multiplied"
