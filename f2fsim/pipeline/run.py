"""`simulate` and `compare`: whole networks, or their layers by themselves, on architectures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from f2fsim.config import Workload, load_workload
from f2fsim.config.arch import ArchConfig
from f2fsim.config.decode import with_cache
from f2fsim.engine import check_engine
from f2fsim.engine.trace import Trace
from f2fsim.errors import ConfigError, InputError
from f2fsim.pipeline.cache import EncodingCache
from f2fsim.pipeline.layer import LayerJob, run_layer
from f2fsim.pipeline.network import NetworkJob, NetworkOptions
from f2fsim.pipeline.prepared import Residency
from f2fsim.pipeline.target import Progress, ReadLayers, Target, layers_of, make_target, manifest
from f2fsim.results import Comparison, LayerResult, SimResult
from f2fsim.workloads import iterate_layers


def simulate(
    arch: ArchConfig | str | Path,
    workload: Workload | str | Path,
    *,
    sparsity: float | None = None,
    weight_type: str | None = None,
    batch: int | None = None,
    seed: int | None = None,
    layers: list[str] | None = None,
    isolated: bool = False,
    residency: Residency = "auto",
    context: int | None = None,
    kv_type: str | None = None,
    engine: str = "compiled",
    functional: bool = False,
    cache: EncodingCache | str | None = "default",
    trace: Trace | None = None,
    progress: Progress | None = None,
    read_layers: ReadLayers = iterate_layers,
) -> SimResult:
    """Simulate a workload on an architecture: the whole network as one run.

    Parameters
    ----------
    arch, workload
        A configuration, the name of a shipped one, or the path of a YAML file.
    sparsity, weight_type, batch, seed, layers
        Override the workload's own (see `Workload.with_overrides`).
    isolated : bool
        Run each layer by itself, from DRAM to DRAM: nothing is kept or fetched ahead between
        layers, and operations that are no layers are left out.
    residency : str or sequence of str
        Tensors that stay in the scratchpad: ``auto``, ``none``, or their names.
    context, kv_type
        Tokens that the KV caches hold before the run, and their type, in place of the workload's.
    engine : {"compiled", "event"}
        Both give the same counters; ``event`` is the definition.
    functional : bool
        Let values flow too: activations are drawn, multiplied with what the machine decodes from
        its streams in the order of its schedule, and every output is compared with NumPy's on the
        pruned weights (``outputs_checked`` of ``SimResult.network``, or of each layer by itself).
        Through a whole network they flow for integer weights and without poolings only.
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
        isolated=isolated,
        residency=residency,
        context=context,
        kv_type=kv_type,
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
    isolated: bool = False,
    residency: Residency = "auto",
    context: int | None = None,
    kv_type: str | None = None,
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
    if isolated and (residency != "auto" or context is not None or kv_type is not None):
        raise InputError("residency, context and kv_type are of whole networks: not with isolated")
    store = EncodingCache.default() if isinstance(cache, str) else cache
    targets = [make_target(arch, with_cache(base, context, kv_type), store) for arch in archs]
    if isolated:
        return _layers_alone(targets, engine, functional, trace, progress, read_layers)
    options = NetworkOptions(residency, engine, functional)
    return _networks(targets, options, trace, progress, read_layers)


def _networks(
    targets: Sequence[Target],
    options: NetworkOptions,
    trace: Trace | None,
    progress: Progress | None,
    read_layers: ReadLayers,
) -> Comparison:
    """Run the network on each target; the layers of a piece are read once for all."""
    jobs = [NetworkJob(target, options, trace) for target in targets]
    reading = layers_of([target.workload for target in targets], read_layers)
    pieces = jobs[0].pieces
    for number, piece in enumerate(pieces):
        data = [next(reading) for _ in jobs[0].layers_of(piece)]
        for i, job in enumerate(jobs):
            if progress:
                part = f", piece {number + 1}" if len(pieces) > 1 else ""
                done = number * len(jobs) + i
                progress(done, len(pieces) * len(jobs), f"{job.target.arch.name}{part}")
            job.run_piece(piece, [of_targets[i] for of_targets in data])
        del data  # before the weights of the next piece are read
    if progress:
        progress(len(pieces) * len(jobs), len(pieces) * len(jobs), "")
    return Comparison([job.result() for job in jobs])


def _layers_alone(
    targets: Sequence[Target],
    engine: str,
    functional: bool,
    trace: Trace | None,
    progress: Progress | None,
    read_layers: ReadLayers,
) -> Comparison:
    """Run each layer by itself on each target."""
    for one in targets:
        if one.arch.cores > 1:
            rule = f"layers by themselves run on one core, got {one.arch.cores}"
            raise ConfigError(f"{one.arch.place('cores')}: {rule}; a whole network takes several")
    done: list[list[LayerResult]] = [[] for _ in targets]
    base = targets[0].workload
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
                manifest=manifest(target, engine, "isolated"),
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
    """Yield what an isolated `simulate` runs on an architecture, without running it."""
    for _, job in _jobs([make_target(arch, workload, cache)], engine, iterate_layers):
        yield job


def _jobs(
    targets: Sequence[Target], engine: str, read_layers: ReadLayers
) -> Iterator[tuple[int, LayerJob]]:
    """Yield the jobs of every layer on every target, and the target's number."""
    for data in layers_of([target.workload for target in targets], read_layers):
        for i, target in enumerate(targets):
            yield i, LayerJob(target.arch, target.dram, data[i], target.encode, engine, target.cost)
