"""What binds, by experiment: each resource of a machine doubled, and the machine run again.

A busy part need not bind, and a part that waits may: two resources can share the time so evenly
that twice of one alone gives nothing and twice of both gives half.  So nothing is inferred from
shares of cycles.  Each resource is doubled alone.  If one of them binds (`CLEAR`), it is paired
with the two next; else all are doubled and each is left out of that, and the pairs of the three
that were missed most are run: so that resources which bind only together are found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

from f2fsim.config import Workload, load_workload
from f2fsim.config.arch import ArchConfig, load_arch
from f2fsim.config.paths import has_path
from f2fsim.errors import ConfigError
from f2fsim.hw.arrays import array_kind
from f2fsim.pipeline import EncodingCache, compare
from f2fsim.pipeline.prepared import Residency
from f2fsim.pipeline.target import Progress
from f2fsim.results import Comparison, LayerResult, SimResult
from f2fsim.results.binding import TOGETHER

#: Keys that hold how much there is of a resource, by the name that people know; those that a
#: machine has are doubled together.
RESOURCES: Mapping[str, tuple[str, ...]] = {
    "memory": ("memory.n_channels",),
    "decoders": (
        "front_end.groups",
        "front_end.groups_per_cycle",
        "front_end.entries_per_cycle",
        "front_end.weights_per_cycle",
        "front_end.block",
        "front_end.n_decoders",
    ),
    "patch units": ("front_end.patch_rate",),
    "mask units": ("front_end.mask_rate",),
    "aligners": ("front_end.aligner_weights",),
    "PE rows": (
        "pe_array.weights_per_cycle",
        "pe_array.n_pes",
        "pe_array.n_clusters",
        "pe_array.n_multipliers",
        "pe_array.rows",
    ),
    "PE columns": ("pe_array.columns", "pe_array.n_lanes"),
    "queues": (
        "front_end.fifo_units",
        "front_end.buffer_bytes",
        "pe_array.window",
        "pe_array.fifo_depth",
    ),
    "array loading": ("pe_array.load_weights",),
    "scratchpad": ("scratchpad.capacity",),
    "banks": ("scratchpad.n_banks",),
    "accumulators": ("pe_array.accumulators.n_banks", "pe_array.accumulators.capacity"),
    "vector lanes": ("vector.lanes",),
    "stream buffers": ("streams.prefetch", "streams.requests_per_cycle"),
}

#: Resources that are tried in pairs.
N_PAIRED = 3

#: A resource that gives this much alone binds; no search for what binds together is needed.
CLEAR = 1.5


def what_if(
    workload: Workload | str | Path,
    archs: Sequence[ArchConfig | str | Path] | ArchConfig | str | Path,
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
    cache: EncodingCache | str | None = "default",
    progress: Progress | None = None,
) -> Comparison:
    """Compare architectures and find by experiment what binds each of them.

    Every resource of `RESOURCES` that a machine has is doubled alone and the workload simulated
    again by the compiled engine; then the best of the pairs that are likely to bind together.

    Parameters
    ----------
    workload, archs
        A configuration, the name of a shipped one, or the path of a YAML file; one architecture or
        several.
    sparsity, weight_type, batch, seed, layers, isolated, residency, context, kv_type
        As in `f2fsim.compare`.
    cache : EncodingCache, None or "default"
        Where encodings are kept; those of the doubled machines too.
    progress : callable, optional
        Called with (done, total, label) in each of three rounds.

    Returns
    -------
    Comparison
        Its results, and their layers, have ``what_if``: resource to how many times faster the run
        is with twice of it.  Names of a pair are joined by `` + ``.

    Raises
    ------
    InputError
        For anything wrong with a configuration, a file or a value.

    Examples
    --------
    >>> import f2fsim
    >>> (result,) = f2fsim.what_if("silero_vad", "f2f_edge", sparsity=0.9)
    >>> max(result.what_if.values()) >= 1
    True
    """
    base = workload if isinstance(workload, Workload) else load_workload(workload)
    base = base.with_overrides(
        sparsity=sparsity, weight_type=weight_type, batch=batch, seed=seed, layers=layers
    )
    given = [archs] if isinstance(archs, ArchConfig | str | Path) else archs
    machines = [one if isinstance(one, ArchConfig) else load_arch(one) for one in given]
    doubled = [doubled_machines(machine) for machine in machines]
    how = {"isolated": isolated, "residency": residency, "context": context, "kv_type": kv_type}
    run = _Runs(base, {**how, "cache": cache, "progress": progress})
    singles = run([{AS_IT_IS: m, **d} for m, d in zip(machines, doubled, strict=True)])
    unclear = [max(_gains(found))[0] < CLEAR for found in singles]
    without = run(
        [
            _all_but_each(machine, list(d)) if is_unclear else {}
            for machine, d, is_unclear in zip(machines, doubled, unclear, strict=True)
        ]
    )
    chosen = [
        _missed_pairs(left) if left else _pairs_with_the_best(found)
        for found, left in zip(singles, without, strict=True)
    ]
    paired = run(
        [
            {TOGETHER.join(pair): _twice(machine, pair) for pair in pairs}
            for machine, pairs in zip(machines, chosen, strict=True)
        ]
    )
    return Comparison([_explained(*both) for both in zip(singles, paired, strict=True)])


def doubled_machines(arch: ArchConfig) -> dict[str, ArchConfig]:
    """Return the machine with twice of each resource that it has, by the resource's name.

    A resource that cannot be doubled within the rules of the configuration is left out.
    """
    found = {}
    for name in RESOURCES:
        try:
            twice = _twice(arch, (name,))
        except ConfigError:
            continue
        if twice.digest() != arch.digest():
            found[name] = twice
    return found


def _twice(arch: ArchConfig, names: Sequence[str]) -> ArchConfig:
    """Return the machine with twice of all these resources."""
    data = arch.model_dump(mode="json")
    values: dict[str, Any] = {}
    for path in (path for name in names for path in RESOURCES[name]):
        if path == "memory.n_channels":
            values[path] = 2 * arch.dram().organisation.channels
        elif has_path(data, path):
            value = _amount(arch, data, path)
            values[path] = f"{2 * value} B" if path in _BYTES else 2 * value
    return arch.with_values(values)


def _amount(arch: ArchConfig, data: Mapping[str, Any], path: str) -> int:
    """Return how much there is at a path; of what a file leaves out, what the array takes."""
    value: Any = data
    *_, key = keys = path.split(".")
    for one in keys:
        value = value[one]
    if value is None:
        value = getattr(array_kind(arch).accumulators(arch, arch.pe_array), key)
    return int(value)


#: Keys of `RESOURCES` that are quantities.
_BYTES = ("scratchpad.capacity", "streams.prefetch", "pe_array.accumulators.capacity")

#: Name of the machine itself among its variants.
AS_IT_IS = "as it is"

Found = Mapping[str, SimResult]


class _Runs:
    """Runs variants of several machines: one comparison a round shares the reading of weights."""

    def __init__(self, workload: Workload, conditions: Mapping[str, Any]) -> None:
        self._workload = workload
        self._conditions = conditions

    def __call__(self, wanted: Sequence[Mapping[str, ArchConfig]]) -> list[dict[str, SimResult]]:
        """Return the results of each machine's variants, by the variant's name."""
        flat = [arch for variants in wanted for arch in variants.values()]
        results = iter(compare(self._workload, flat, **self._conditions) if flat else ())
        return [{name: next(results) for name in variants} for variants in wanted]


def _all_but_each(arch: ArchConfig, names: Sequence[str]) -> dict[str, ArchConfig]:
    """Return the machine with twice of everything but one resource, by that one's name."""
    return {name: _twice(arch, [one for one in names if one != name]) for name in names}


def _gains(found: Found) -> list[tuple[float, str]]:
    """Return how many times faster each variant is than the machine itself, the best first."""
    me = found[AS_IT_IS].seconds
    gains = [(me / one.seconds, name) for name, one in found.items() if name != AS_IT_IS]
    return sorted(gains, reverse=True)


def _pairs_with_the_best(found: Found) -> list[tuple[str, str]]:
    """Return the resource that gives most alone, with each of the next ones."""
    names = [name for _, name in _gains(found)]
    return [_in_order(names[0], other) for other in names[1:] if not _same(names[0], other)][
        : N_PAIRED - 1
    ]


def _missed_pairs(without: Found) -> list[tuple[str, str]]:
    """Return pairs of the resources that are missed most when all others are doubled."""
    names = sorted(without, key=lambda name: -without[name].seconds)[:N_PAIRED]
    return [_in_order(a, b) for a, b in combinations(names, 2) if not _same(a, b)]


def _in_order(a: str, b: str) -> tuple[str, str]:
    order = list(RESOURCES)
    return (a, b) if order.index(a) < order.index(b) else (b, a)


def _same(a: str, b: str) -> bool:
    """Whether both are the same resource in two shapes: twice of both would be four times it."""
    return a.split()[0] == b.split()[0] == "PE"


def _explained(found: Found, pairs: Found) -> SimResult:
    """Return the machine's own result with what its variants gave; of the pairs the best one."""
    me = found[AS_IT_IS]
    variants = {name: one for name, one in found.items() if name != AS_IT_IS}
    if pairs:
        best = min(pairs, key=lambda name: pairs[name].seconds)
        variants[best] = pairs[best]
    layers = tuple(
        _explained_layer(layer, {name: one.layers[i] for name, one in variants.items()})
        for i, layer in enumerate(me.layers)
    )
    gains = {name: me.seconds / one.seconds for name, one in variants.items() if one.seconds}
    return replace(me, layers=layers, what_if=gains)


def _explained_layer(layer: LayerResult, variants: Mapping[str, LayerResult]) -> LayerResult:
    gains = {name: layer.seconds / one.seconds for name, one in variants.items() if one.seconds}
    return replace(layer, what_if=gains)
