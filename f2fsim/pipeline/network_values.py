"""Values through a whole network: what the machine makes of its streams, against NumPy's.

The machine's side decodes encoded bands, multiplies in the order of the steps, and reads keys and
values from the bytes of the cache; the other side is NumPy on the pruned weights, layer by layer
and head by head.  Each side goes on with its own numbers; all tensors must be equal.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from f2fsim.config import ConvLayer
from f2fsim.config.layer import Layer
from f2fsim.config.operation import NETWORK_INPUT, Attention, VectorOperation
from f2fsim.errors import InputError, SimulationError
from f2fsim.hw.arrays import array_kind
from f2fsim.hw.functional.inputs import FeatureMaps, is_convolution
from f2fsim.hw.functional.passes import run_passes
from f2fsim.hw.functional.reference import reference_outputs
from f2fsim.network.attention_values import attention_values, by_head, old_tokens, together
from f2fsim.network.integers import Ints, in_cache, probabilities, requantised, vector_result
from f2fsim.network.stages import CacheAppend, Stage
from f2fsim.pipeline.prepared import LayerValues, PreparedNetwork

#: What can be done where values cannot flow through the whole network.
ALONE = "they flow through its layers by themselves (isolated)"

#: Seed of the network's input, and of what caches held before.
SEED = 20_220_425


def check_values(prepared: PreparedNetwork) -> int:
    """Let values flow; return how many outputs of stages were compared.

    Raises
    ------
    InputError
        If values cannot flow: floats, poolings, a broadcast array.
    SimulationError
        If a value differs.
    """
    if prepared.target.workload.weight_type not in ("int8", "int4", "uint8", "uint4"):
        raise InputError(f"values flow through networks of integer weights only; {ALONE}")
    if array_kind(prepared.target.arch).draws_zeros:
        rule = "on arrays without drawn zeros only"
        raise InputError(f"values flow through networks {rule}; {ALONE}")
    sides = _Machine(prepared), _Numpy(prepared)
    n_checked = 0
    for number, stage in enumerate(prepared.stages):
        made = [side.stage(number, stage) for side in sides]
        if made[0] is None or made[1] is None:
            continue
        wrong = int((sides[0].sums != sides[1].sums).sum() + (made[0] != made[1]).sum())
        if wrong:
            raise SimulationError(f"stage {stage.name!r}: {wrong} values differ from NumPy's")
        n_checked += made[0].size
    return n_checked


class _Side:
    """One of two ways from the network's input to its outputs."""

    def __init__(self, prepared: PreparedNetwork) -> None:
        self.prepared = prepared
        self.batch = prepared.target.workload.batch
        self.tensors: dict[str, Ints] = {}
        self.sums: Ints = np.zeros(0, dtype=np.int64)

    def stage(self, number: int, stage: Stage) -> Ints | None:
        """Return what a stage makes, shape (batch, values of a sample); None for a cache."""
        work = stage.work
        if isinstance(work, CacheAppend):
            self.appended = stage
            return None
        if isinstance(work, VectorOperation):
            made = vector_result(work, [self.taken(name, stage) for name in stage.takes])
        elif isinstance(work, Attention):
            self.sums = self.attention(number, stage, work)
            made = requantised(self.sums)
        else:
            assert isinstance(work, Layer)
            inputs = np.concatenate([self.taken(name, stage) for name in stage.inputs], axis=1)
            self.sums = self.layer(number, work, _maps(work, inputs))
            made = requantised(self.sums)
        made = made.reshape(self.batch, -1)
        for one in stage.fused:
            others = [name for name in one.inputs if name in stage.operands]
            made = vector_result(one, [made, *(self.taken(name, stage) for name in others)])
        self.tensors[stage.output] = made
        return made

    def taken(self, name: str, stage: Stage) -> Ints:
        """Return a tensor; the network's input is drawn once for each size that is asked for."""
        if name != NETWORK_INPUT:
            return self.tensors[name]
        work = stage.work
        n_values = work.n_input_values if isinstance(work, Layer) else stage.n_values
        rng = np.random.default_rng(SEED)
        return rng.integers(-128, 128, (self.batch, n_values // self.batch))

    def new_tokens(self) -> tuple[Ints, Ints]:
        """Return keys and values that the stage before appended."""
        found = [self.tensors[name] for name in self.appended.inputs]
        return found[0], found[-1]

    def values_of(self, number: int) -> LayerValues:
        """Return what the values of a layer come from."""
        assert self.prepared.jobs is not None
        return self.prepared.jobs[number]

    def layer(self, number: int, layer: Layer, maps: FeatureMaps) -> Ints:
        """Return the sums of a layer, shape (batch, values)."""
        raise NotImplementedError

    def attention(self, number: int, stage: Stage, work: Attention) -> Ints:
        """Return the sums of an attention's context, shape (batch, values)."""
        raise NotImplementedError


class _Machine(_Side):
    """From the encoded streams, in the order of the schedule."""

    def layer(self, number: int, layer: Layer, maps: FeatureMaps) -> Ints:
        """Return the sums that the passes make."""
        job = self.values_of(number).job
        rows = job.first_rows()
        out = np.zeros((layer.shape[0], layer.n_columns), dtype=np.int64)
        for one in run_passes(replace(job, inputs=maps)):
            height, width = one.outputs.shape
            top = rows[one.band]
            out[top : top + height, one.first : one.first + width] = one.outputs
        return _as_values(layer, out)

    def attention(self, number: int, stage: Stage, work: Attention) -> Ints:
        """Return the sums that the tiles make from the bytes of the cache."""
        network = self.prepared.network
        queries = np.concatenate([self.taken(name, stage) for name in stage.inputs], axis=1)
        old = old_tokens(work, self.batch, SEED)
        cache = network.cache(work, stage.batch)
        activations = queries, *self.new_tokens()
        return attention_values(work, cache, network.tiles[number], activations, old)


class _Numpy(_Side):
    """On the pruned weights, without streams, tiles or addresses."""

    def layer(self, number: int, layer: Layer, maps: FeatureMaps) -> Ints:
        """Return the product with the whole matrix."""
        tensor = self.values_of(number).whole
        out, _ = reference_outputs(tensor, maps, 0, 0, layer.n_columns)
        return _as_values(layer, np.rint(out).astype(np.int64))

    def attention(self, number: int, stage: Stage, work: Attention) -> Ints:
        """Return the context of all heads at once."""
        queries = np.concatenate([self.taken(name, stage) for name in stage.inputs], axis=1)
        batch, group = queries.shape[0], work.n_heads // work.n_kv_heads
        old = old_tokens(work, batch, SEED)
        sides = []
        for which, new in enumerate(self.new_tokens()):
            rows = in_cache(by_head(new, work, work.n_kv_heads), work.kv_type)
            whole = np.concatenate([old[:, which], rows], axis=1)
            sides.append(np.repeat(whole, group, axis=0))
        scores = np.einsum("hqd,htd->hqt", by_head(queries, work, work.n_heads), sides[0])
        n_all = work.context + work.n_tokens
        seen = np.ones(scores.shape, dtype=np.bool_)
        if work.causal:
            seen &= np.tri(work.n_tokens, n_all, work.context, dtype=np.bool_)
        context = np.einsum("hqt,htd->hqd", probabilities(scores, seen), sides[1])
        shape = batch, work.n_heads, work.n_tokens, work.head_size
        return together(context.reshape(shape))


def _maps(layer: Layer, values: Ints) -> FeatureMaps:
    """Return activations as a layer takes them; a convolution's maps are padded."""
    whole: Any = values.astype(np.int32)
    if not is_convolution(layer):
        width = layer.n_groups * layer.n_reduction
        return FeatureMaps(layer, whole.reshape(layer.n_columns, width))
    assert isinstance(layer, ConvLayer)
    shaped = whole.reshape(layer.batch or 1, layer.in_channels, *layer.input_size)
    return FeatureMaps(layer, np.pad(shaped, ((0, 0), (0, 0), *layer.pads)))


def _as_values(layer: Layer, sums: Ints) -> Ints:
    """Return (rows, columns) as (batch, values): channels first for maps, tokens first else."""
    batch = layer.batch or 1
    shaped = sums.reshape(sums.shape[0], batch, -1)
    order = (1, 0, 2) if is_convolution(layer) else (1, 2, 0)
    return shaped.transpose(order).reshape(batch, -1)
