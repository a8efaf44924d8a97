"""What a layer would move at some size of scratchpad, before its weights are read.

Only to choose which tensors stay on the chip: encoded sizes are those that plans expect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from f2fsim.codec import PrunedTensor, weight_type
from f2fsim.codec.tensor import WeightType
from f2fsim.config import Workload
from f2fsim.config.arch import ArchConfig
from f2fsim.config.layer import Layer
from f2fsim.config.operation import KV_BITS, Attention
from f2fsim.config.pruning import NmPruning, NmRule
from f2fsim.errors import ConfigError
from f2fsim.hw.dram import dram_params
from f2fsim.hw.front_ends import front_end_kind
from f2fsim.mapping.facts import LayerFacts
from f2fsim.mapping.geometry import tile_input_values
from f2fsim.mapping.plan import Plan
from f2fsim.network.attention import plan_attention, tiles_of
from f2fsim.network.residency import StageCost
from f2fsim.network.stages import Stage
from f2fsim.scheduling import plan_layer
from f2fsim.workloads.budget import layer_rule


class WeightEstimate(PrunedTensor):
    """A tensor of which only shape and sparsity are known."""

    def __init__(self, name: str, shape: tuple[int, int], kept: int, kind: WeightType) -> None:
        nothing = np.zeros((0, shape[1]), dtype=kind.pattern_dtype)
        super().__init__(name, nothing, nothing.astype(np.bool_), kind)
        object.__setattr__(self, "_size", (shape, kept))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return tuple(self._size[0])  # type: ignore[attr-defined]

    @property
    def n_weights(self) -> int:
        """Number of weights."""
        return self.shape[0] * self.shape[1]

    @property
    def n_kept(self) -> int:
        """Number of unpruned weights."""
        return int(self._size[1])  # type: ignore[attr-defined]


def stage_cost(
    arch: ArchConfig, workload: Workload, stages: Sequence[Stage], activation_bits: int
) -> StageCost:
    """Return the estimate of DRAM bits that a stage moves: weights and inputs."""
    estimates: dict[str, WeightEstimate] = {}
    dram = dram_params(arch.dram())

    def cost(number: int, free_bits: int, on_chip: bool) -> float | None:
        work = stages[number].work
        if isinstance(work, Attention):
            return _attention_bits(arch, stages[number], work, free_bits, on_chip, activation_bits)
        if not isinstance(work, Layer):
            return 0.0
        if work.name not in estimates:
            kept = round((1 - _sparsity(workload, work)) * work.n_weights)
            estimates[work.name] = WeightEstimate(
                work.name, work.shape, kept, weight_type(workload.weight_type_of(work))
            )
        tensor = estimates[work.name]
        scratchpad = arch.scratchpad.model_copy(update={"capacity": max(free_bits // 8, 1)})
        smaller = arch.model_copy(update={"scratchpad": scratchpad})
        try:
            plan = plan_layer(smaller, dram, work, tensor, inputs_on_chip=on_chip)
        except ConfigError:
            return None
        facts = replace(LayerFacts.of(tensor), tensor=None)
        weights = front_end_kind(arch).expected_bits(arch.front_end, facts)
        return _moved_bits(work, plan, weights, 0 if on_chip else activation_bits)

    return cost


def _attention_bits(
    arch: ArchConfig,
    stage: Stage,
    work: Attention,
    free_bits: int,
    on_chip: bool,
    activation_bits: int,
) -> float | None:
    try:
        plan = plan_attention(arch, work, free_bits, activation_bits, on_chip)
    except ConfigError:
        return None
    visible = sum(tile.n_visible for tile in tiles_of(work, stage.batch, plan))
    queries = 0 if on_chip else work.query_values * stage.batch * activation_bits
    return float(2 * visible * work.head_size * KV_BITS[work.kv_type] + queries)


def _sparsity(workload: Workload, layer: Layer) -> float:
    """Return the sparsity that a layer's rule states; 0 where only its weights tell."""
    rule = layer_rule(workload, layer)
    if isinstance(rule, NmPruning | NmRule):
        return 1.0 - rule.n / rule.m
    return float(getattr(rule, "sparsity", 0.0))


def _moved_bits(layer: Layer, plan: Plan, weight_bits: float, activation_bits: int) -> float:
    """Return the bits of weights and input activations that a plan fetches."""
    tiles = sum(tile_input_values(layer, n) for n in plan.tile_columns) * activation_bits
    n_tiles = len(plan.tile_columns)
    if plan.schedule == "weight_stationary":
        return weight_bits + tiles * (len(plan.band_rows) if n_tiles > 1 else 1)
    return weight_bits * n_tiles + tiles
