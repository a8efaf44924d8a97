"""How many weights each layer loses: per layer, by one global threshold, or by ERK budgets.

The global threshold is found in three streaming passes over the layers (a radix select on the
bits of the magnitudes), so that one layer at a time is in memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.config.conv_layer import ConvLayer
from f2fsim.config.layer import Layer
from f2fsim.config.pruning import (
    AnyPruning,
    AnyRule,
    MagnitudePruning,
    MagnitudeRule,
    NmPruning,
    NoPruning,
    RandomPruning,
)
from f2fsim.config.workload import Workload
from f2fsim.workloads.prune import apportion, n_pruned

ReadMatrix = Callable[[Layer], NDArray[Any]]


def is_excluded(workload: Workload, layer: Layer) -> bool:
    """Whether an ``exclude`` pattern of the pruning matches the layer."""
    return any(fnmatchcase(layer.name, pattern) for pattern in workload.pruning.exclude)


def own_rule(workload: Workload, layer: Layer) -> AnyRule | None:
    """Return the rule that is stated for this layer alone, None if there is none."""
    if is_excluded(workload, layer):
        return _with_sparsity(workload.pruning, 0.0)
    if layer.pruning is not None:
        return layer.pruning
    if layer.sparsity is not None:
        return _with_sparsity(workload.pruning, layer.sparsity)
    for entry in workload.pruning.layers:
        if fnmatchcase(layer.name, entry.match):
            if entry.pruning is not None:
                return entry.pruning
            return _with_sparsity(workload.pruning, float(entry.sparsity or 0.0))
    return None


def _with_sparsity(general: AnyPruning, sparsity: float) -> AnyRule:
    """Return the general rule at another sparsity; by magnitude where it has no sparsity."""
    if isinstance(general, NoPruning | NmPruning):
        return MagnitudeRule(method="magnitude", sparsity=sparsity)
    return general.model_copy(update={"sparsity": sparsity})


def layer_rule(workload: Workload, layer: Layer) -> AnyRule:
    """Return how one layer is pruned; the general rule may need `shared_counts` beside it."""
    own = own_rule(workload, layer)
    return workload.pruning if own is None else own


def shared_counts(workload: Workload, read: ReadMatrix) -> dict[str, int]:
    """Return how many weights the layers lose that share a budget or a threshold.

    Layers with a rule or a mask of their own stand aside; none shares anything in the scope
    ``layer``.  `read` is called only for the global scope, once a pass and layer.
    """
    pruning = workload.pruning
    if not isinstance(pruning, MagnitudePruning | RandomPruning) or pruning.scope == "layer":
        return {}
    free: list[Layer] = [
        la for la in workload.layers if la.mask is None and own_rule(workload, la) is None
    ]
    if not free:
        return {}
    total = n_pruned(pruning.sparsity, sum(layer.n_weights for layer in free))
    return _erk(free, total) if pruning.scope == "erk" else _global(free, total, read)


def _erk(layers: list[Layer], n_prune: int) -> dict[str, int]:
    sizes = np.array([layer.n_weights for layer in layers], dtype=np.int64)
    wanted = np.array([erk_weight(layer) * layer.n_weights for layer in layers])
    kept = apportion(wanted, sizes, int(sizes.sum()) - n_prune)
    return {layer.name: int(n) for layer, n in zip(layers, sizes - kept, strict=True)}


def erk_weight(layer: Layer) -> float:
    """Return the relative density of a layer by Erdős–Rényi-Kernel.

    ``(C_in + C_out + sum of kernel sizes) / (C_in · C_out · product of kernel sizes)``, the
    channels of one group (Evci et al., "Rigging the Lottery", ICML 2020, and its published code).
    """
    sides = [layer.n_outputs, layer.n_reduction]
    if isinstance(layer, ConvLayer):
        sides = [layer.in_channels // layer.groups, layer.out_channels // layer.groups]
        sides += list(layer.kernel)
    return sum(sides) / math.prod(sides)


def _global(layers: list[Layer], n_prune: int, read: ReadMatrix) -> dict[str, int]:
    """Count the weights of each layer below the `n_prune`-th smallest magnitude of all."""
    if n_prune == 0:
        return {layer.name: 0 for layer in layers}
    high = np.zeros(2**16, dtype=np.int64)
    for layer in layers:
        high += np.bincount(_keys(read(layer)) >> np.uint32(16), minlength=2**16)
    upper, before = _cell(high, n_prune)
    low = np.zeros(2**16, dtype=np.int64)
    for layer in layers:
        keys = _keys(read(layer))
        inside = keys[keys >> np.uint32(16) == upper] & np.uint32(0xFFFF)
        low += np.bincount(inside, minlength=2**16)
    lower, before_low = _cell(low, n_prune - before)
    threshold = np.uint32(upper << 16 | lower)
    below, ties = {}, {}
    for layer in layers:
        keys = _keys(read(layer))
        below[layer.name] = int(np.count_nonzero(keys < threshold))
        ties[layer.name] = int(np.count_nonzero(keys == threshold))
    # Every layer gives up its share of the ties; which of its ties, the layer's generator draws.
    tied = np.array(list(ties.values()), dtype=np.int64)
    shares = apportion(tied, tied, n_prune - before - before_low)
    return {name: below[name] + int(n) for name, n in zip(below, shares, strict=True)}


def _keys(matrix: NDArray[Any]) -> NDArray[np.uint32]:
    """Return magnitudes as integers of the same order (float32 bits without the sign)."""
    keys: NDArray[np.uint32] = np.abs(matrix.astype(np.float32)).ravel().view(np.uint32)
    return keys


def _cell(histogram: NDArray[np.int64], rank: int) -> tuple[int, int]:
    """Return the cell that holds the `rank`-th smallest element, and how many lie before it."""
    sums = np.cumsum(histogram)
    cell = int(np.searchsorted(sums, rank))
    return cell, int(sums[cell] - histogram[cell])
