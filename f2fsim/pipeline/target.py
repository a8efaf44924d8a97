"""What a run starts from: an architecture ready to run, the workload as it takes it, its layers."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from f2fsim._version import __version__
from f2fsim.codec import EncodedTensor, PrunedTensor, WeightFormat
from f2fsim.config import Workload
from f2fsim.config.arch import ArchConfig, load_arch
from f2fsim.errors import ConfigError
from f2fsim.hw.arrays import array_kind
from f2fsim.hw.dram import DramParams, dram_params
from f2fsim.hw.front_ends import front_end_kind
from f2fsim.pipeline.cache import EncodingCache
from f2fsim.pipeline.cost import CostModel
from f2fsim.sharing import shared
from f2fsim.workloads import LayerData

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
        cost = CostModel.of(config, spec)
    except ConfigError as error:
        raise config.located(error) from None
    return Target(config, dram, workload, encode, cost)


def _encode(weight_format: WeightFormat, tensor: PrunedTensor) -> EncodedTensor:
    return weight_format.encode(tensor)


def layers_of(workloads: Sequence[Workload], read_layers: ReadLayers) -> Iterator[list[LayerData]]:
    """Yield each layer once for every workload; equal workloads share one reading."""
    numbers: dict[str, int] = {}
    place = [numbers.setdefault(_digest(workload), len(numbers)) for workload in workloads]
    distinct = [workloads[place.index(number)] for number in numbers.values()]
    for data in zip(*(read_layers(workload) for workload in distinct), strict=True):
        yield [data[i] for i in place]


def _digest(workload: Workload) -> str:
    return shared(workload, "digest", workload.digest)


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


def manifest(target: Target, engine: str, run: str) -> dict[str, Any]:
    """Return where a result comes from; the same run gives the same manifest.

    `run` is ``network`` or ``isolated``, as of the result.
    """
    workload = target.workload
    return {
        "f2fsim": __version__,
        "engine": engine,
        "run": run,
        "arch": target.arch.model_dump(mode="json"),
        "arch_digest": target.arch.digest(),
        "dram": target.cost.dram.model_dump(mode="json"),
        "workload_digest": _digest(workload),
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
