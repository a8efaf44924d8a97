"""Which results may be compared: cases, each one workload under one set of conditions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from f2fsim.codec.tensor import WEIGHT_TYPES
from f2fsim.hw.front_ends import FRONT_ENDS, format_title
from f2fsim.hw.front_ends.contract import FrontEndKind
from f2fsim.report.value import unique_names
from f2fsim.results import LayerResult, SimResult


@dataclass(frozen=True)
class Run:
    """One result under the name that it has in the report, and its number among all machines."""

    name: str
    style: int
    result: SimResult

    @property
    def title(self) -> str:
        """Machine and format."""
        return f"{self.name} ({format_title(self.result.format)})"

    @property
    def is_fixed_to_fixed(self) -> bool:
        """Whether the machine reads fixed-to-fixed encodings."""
        kind = kind_of(self.result)
        return kind is not None and kind.is_fixed_to_fixed

    @property
    def is_uncompressed(self) -> bool:
        """Whether the machine reads all weights as they are."""
        kind = kind_of(self.result)
        return kind is not None and kind.is_uncompressed

    @property
    def is_mask_and_values(self) -> bool:
        """Whether the machine reads a mask beside the packed kept values, and nothing else."""
        kind = kind_of(self.result)
        return kind is not None and kind.is_mask_and_values


@dataclass(frozen=True)
class Case:
    """One workload under one set of conditions, on one or more machines.

    ``sparsity`` is what was asked for (None: the workload's own); machines that dictate a pattern
    (N:M) have another one.
    """

    workload: str
    weight_type: str
    batch: int
    sparsity: float | None
    runs: tuple[Run, ...]
    isolated: bool = False

    @property
    def title(self) -> str:
        """The conditions in words."""
        conditions = self.condition("sparsity"), self.condition("batch")
        how = ("each layer by itself",) if self.isolated else ()
        return ", ".join((self.workload, self.weight_type, *conditions, *how))

    def condition(self, by: str) -> str:
        """Return one condition, ``sparsity`` or ``batch``, in words."""
        if by == "batch":
            return f"batch {self.batch}"
        return "own sparsity" if self.sparsity is None else f"S={self.sparsity:g}"

    @property
    def subject(self) -> Run:
        """The run that the others are compared with: the first F2F one, or the first."""
        return next((run for run in self.runs if run.is_fixed_to_fixed), self.runs[0])

    @property
    def others(self) -> tuple[Run, ...]:
        """All runs but the subject."""
        return tuple(run for run in self.runs if run is not self.subject)


def kind_of(result: SimResult) -> FrontEndKind[Any] | None:
    """Return the kind of front end of a result; None if this version does not know it."""
    return FRONT_ENDS.get(result.format)


def _is_pruned_to_a_pattern(result: SimResult) -> bool:
    kind = kind_of(result)
    return kind is not None and kind.dictates_pruning


def make_cases(files: Sequence[Sequence[SimResult]]) -> list[Case]:
    """Sort the results of several files into cases.

    Results belong together if workload, batch, weight type and asked sparsity agree, and either all
    are of networks as one run or all of layers by themselves.  An N:M
    machine prunes to its own pattern, so its result takes the sparsity that the other results of
    its file were asked for.
    """
    archs: list[str] = []
    groups: dict[tuple[str, str, int, float | None, bool], list[SimResult]] = {}
    for results in files:
        for result in results:
            if result.arch not in archs:
                archs.append(result.arch)
            weight_type, batch = _weight_type(result), _batch(result)
            alone = result.network is None
            key = (result.workload, weight_type, batch, _asked(result, results), alone)
            groups.setdefault(key, []).append(result)
    cases = []
    for (workload, weight_type, batch, sparsity, alone), members in groups.items():
        names = unique_names([result.arch for result in members])
        runs = tuple(
            Run(name, archs.index(result.arch), result)
            for name, result in zip(names, members, strict=True)
        )
        cases.append(Case(workload, weight_type, batch, sparsity, runs, alone))
    return cases


def _conditions(result: SimResult) -> dict[str, object]:
    found = result.manifest.get("workload")
    return found if isinstance(found, dict) else {}


def _weight_type(result: SimResult) -> str:
    return result.layers[0].weight_type if result.layers else "–"


def _batch(result: SimResult) -> int:
    batch = _conditions(result).get("batch", 1)
    return batch if isinstance(batch, int) else 1


def _own_sparsity(result: SimResult) -> float | None:
    pruning = _conditions(result).get("pruning")
    value = pruning.get("sparsity") if isinstance(pruning, dict) else None
    return float(value) if isinstance(value, int | float) else None


def _asked(result: SimResult, file: Sequence[SimResult]) -> float | None:
    if not _is_pruned_to_a_pattern(result):
        return _own_sparsity(result)
    for other in file:
        same = other.workload == result.workload and _batch(other) == _batch(result)
        if (
            same
            and not _is_pruned_to_a_pattern(other)
            and _weight_type(other) == _weight_type(result)
        ):
            return _own_sparsity(other)
    return _own_sparsity(result)


def bits_of(weight_type: str) -> int:
    """Return ``n_w``, the bits of a weight of that type."""
    return WEIGHT_TYPES[weight_type].n_bits


def entropy_bits(layer: LayerResult) -> float:
    """Return the bits that a layer's weights need at least: mask entropy and kept values.

    ``n_weights * H(S) + n_kept * n_w``, for a mask whose places are independent (design, section 2)
    and values without redundancy but bits that all kept weights share: n_w are those that vary.
    """
    whole = layer.n_kept * bits_of(layer.weight_type)
    values = layer.codec_stats.get("n_varying_bits", whole)
    return layer.n_weights * binary_entropy(layer.sparsity) + values


def entropy_bits_per_weight(result: SimResult) -> float:
    """Return `entropy_bits` of all layers over all weight positions."""
    total = sum(layer.n_weights for layer in result.layers)
    return sum(entropy_bits(layer) for layer in result.layers) / total if total else 0.0


def value_entropy_bits(layer: LayerResult) -> float | None:
    """Return ``n_weights * H(S) + n_kept * H(value)``; None for results without that entropy.

    ``H(value)`` is the zero-order entropy of a kept weight of the layer: what a code of single
    values can reach, its table not counted.
    """
    values = layer.codec_stats.get("n_entropy_bits")
    if values is None:
        return None
    return layer.n_weights * binary_entropy(layer.sparsity) + values


def value_entropy_bits_per_weight(result: SimResult) -> float | None:
    """Return `value_entropy_bits` of all layers over all weight positions."""
    total = sum(layer.n_weights for layer in result.layers)
    found = [value_entropy_bits(layer) for layer in result.layers]
    known = [bits for bits in found if bits is not None]
    return sum(known) / total if total and len(known) == len(found) else None


def binary_entropy(share: float) -> float:
    """Return H(p) in bits, 0 at both ends."""
    if share <= 0.0 or share >= 1.0:
        return 0.0
    return -share * math.log2(share) - (1 - share) * math.log2(1 - share)
