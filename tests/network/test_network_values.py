"""Values through whole networks: every tensor equals NumPy's on the quantised network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from f2fsim.config.arch import load_arch
from f2fsim.config.operation import Attention
from f2fsim.config.workload import Workload
from f2fsim.errors import InputError, SimulationError
from f2fsim.network import attention_values
from f2fsim.network.integers import in_cache, probabilities, requantised
from f2fsim.pipeline import simulate
from f2fsim.workloads import iterate_layers

ARCHS = (
    "f2f_edge", "f2f_skip_edge", "dense_edge", "csr_edge", "bitmap_edge", "nm_edge", "scnn_like",
    "sigma", "systolic_32x32",
)  # fmt: skip


def linear(name: str, n_in: int, n_out: int, source: str, **more: Any) -> dict[str, Any]:
    shape = {"in_features": n_in, "out_features": n_out}
    return {"name": name, "op": "linear", **shape, "inputs": [source], **more}


def workload(layers: list[dict[str, Any]], operations: list[dict[str, Any]], batch: int = 1):
    return Workload.model_validate(
        {
            "name": "values",
            "synthetic": {"distribution": "normal"},
            "pruning": {"method": "magnitude", "sparsity": 0.5},
            "batch": batch,
            "layers": layers,
            "operations": operations,
        }
    )


def residual(batch: int = 1) -> Workload:
    """Convolutions with a residual, then a linear layer."""
    conv = {"op": "conv1d", "kernel": [3], "input_size": [12], "padding": [1]}
    layers = [
        {"name": "a", "in_channels": 4, "out_channels": 8, **conv, "inputs": ["input"]},
        {"name": "b", "in_channels": 8, "out_channels": 8, **conv, "inputs": ["ra"]},
        {"name": "c", "in_channels": 8, "out_channels": 8, **conv, "inputs": ["rb"]},
        linear("d", 96, 10, "relu"),
    ]
    operations = [
        {"name": "ra", "op": "activation", "inputs": ["a"]},
        {"name": "rb", "op": "activation", "inputs": ["b"]},
        {"name": "sum", "op": "add", "inputs": ["c", "ra"]},
        {"name": "relu", "op": "activation", "inputs": ["sum"]},
    ]
    return workload(layers, operations, batch)


def attention(n_tokens: int, context: int, kv_type: str, batch: int = 1) -> Workload:
    """Return an attention block: projections, grouped heads, output, residual."""
    layers = [
        linear("q", 32, 32, "input", n_tokens=n_tokens),
        linear("k", 32, 16, "input", n_tokens=n_tokens),
        linear("v", 32, 16, "input", n_tokens=n_tokens),
        linear("o", 32, 32, "attention", n_tokens=n_tokens),
    ]
    block = {"name": "attention", "op": "attention", "inputs": ["q", "k", "v"], "n_heads": 4}
    block |= {"kv_heads": 2, "head_size": 8, "n_tokens": n_tokens, "context": context}
    block |= {"kv_type": kv_type}
    add = {"name": "sum", "op": "add", "inputs": ["o", "q"]}
    return workload(layers, [block, add], batch)


@pytest.mark.parametrize("arch", ARCHS)
def test_a_chain_with_a_residual(arch: str) -> None:
    result = simulate(arch, residual(2), functional=True, cache=None)
    assert result.network.outputs_checked == 2 * (3 * 96 + 10)


def test_a_residual_in_bands_and_tiles() -> None:
    arch = load_arch("f2f_edge").with_values({"scratchpad.capacity": "180 B"})
    result = simulate(arch, residual(), functional=True, cache=None)
    assert not all(stage.plan.endswith(" 1 x 1") for stage in result.network.stages)
    assert result.network.outputs_checked == 3 * 96 + 10


@pytest.mark.parametrize(
    ("n_tokens", "context", "kv_type", "batch"),
    [(1, 9, "int8", 1), (1, 30, "int4", 2), (6, 0, "int8", 1), (5, 7, "int4", 2)],
)
@pytest.mark.parametrize("arch", ["f2f_edge", "csr_edge", "systolic_32x32"])
def test_an_attention_block(
    arch: str, n_tokens: int, context: int, kv_type: str, batch: int
) -> None:
    one = attention(n_tokens, context, kv_type, batch)
    result = simulate(arch, one, functional=True, cache=None)
    assert result.network.outputs_checked == batch * n_tokens * (32 + 16 + 16 + 32 + 32)


def test_an_attention_in_tiles_of_queries() -> None:
    arch = load_arch("dense_edge").with_values({"scratchpad.capacity": "1500 B"})
    one = attention(12, 3, "int8")
    result = simulate(arch, one, functional=True, residency="none", cache=None)
    tiles = next(stage.plan for stage in result.network.stages if stage.name == "attention")
    assert tiles != "1 tiles of queries"
    assert result.network.outputs_checked == 12 * 128


def test_a_byte_of_the_cache_that_is_wrong_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    put = attention_values.CacheImage.put

    def bad(self, head, which, first, rows):
        put(self, head, which, first, rows ^ (which == 1 and first > 0))

    monkeypatch.setattr(attention_values.CacheImage, "put", bad)
    with pytest.raises(SimulationError, match=r"stage 'attention': .* values differ"):
        simulate("dense_edge", attention(2, 5, "int8"), functional=True, cache=None)


def test_a_weight_that_is_wrong_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from f2fsim.hw.functional import entries

    decode = entries.decode

    def bad(encoded):
        tensor = decode(encoded)
        tensor.patterns[0, :] ^= tensor.mask[0, :].astype(tensor.patterns.dtype)
        return tensor

    monkeypatch.setattr(entries, "decode", bad)
    with pytest.raises(SimulationError, match=r"stage 'a': .* values differ"):
        simulate("dense_edge", residual(), functional=True, cache=None)


def test_values_cannot_flow_through_all(tmp_path) -> None:
    pool = {"name": "p", "op": "max_pool", "inputs": ["a"], "values": 4, "window": 2}
    one = workload([linear("a", 8, 8, "input"), linear("b", 4, 4, "p")], [pool])
    with pytest.raises(InputError, match="cannot flow through max_pool"):
        simulate("dense_edge", one, functional=True, cache=None)
    with pytest.raises(InputError, match="integer weights only"):
        simulate("dense_edge", residual(), weight_type="bf16", functional=True, cache=None)
    with pytest.raises(InputError, match="without drawn zeros"):
        simulate("eie", residual(), functional=True, cache=None)
    with pytest.raises(InputError, match="a cache of bf16; they can through int8"):
        simulate("dense_edge", attention(1, 3, "bf16"), functional=True, cache=None)


def test_whole_numbers() -> None:
    assert requantised(np.array([-1000, 500, 3])).tolist() == [-125, 62, 0]
    assert requantised(np.array([100, -5])).tolist() == [100, -5]
    assert in_cache(np.array([-128, 127, 5]), "int4").tolist() == [-8, 7, 0]
    shares = probabilities(np.array([[0, 64, 640]]), np.array([[True, True, False]]))
    assert shares.tolist() == [[42, 84, 0]]
    assert isinstance(attention(1, 0, "int8").operations[0], Attention)
    assert len(list(iterate_layers(residual()))) == 4
