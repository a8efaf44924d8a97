"""Networks on several cores that share one memory."""

from __future__ import annotations

import pytest
from random_graphs import random_arch, random_network
from small_llama import small_llama

from f2fsim.config.arch import load_arch
from f2fsim.config.workload import Workload
from f2fsim.errors import ConfigError, InputError
from f2fsim.network.cores import dealt_layer, dealt_rows, share_of
from f2fsim.pipeline import simulate


@pytest.mark.parametrize("seed", range(16))
def test_both_engines_and_bytes(seed: int) -> None:
    """What is written does not depend on the number of cores; every weight is encoded once."""
    n_cores = 2 + seed % 2
    workload, arch = random_network(seed), random_arch(seed).with_values({"cores": n_cores})
    try:
        compiled = simulate(arch, workload, cache=None)
    except (ConfigError, InputError) as error:
        if "scratchpad.capacity" not in str(error) and "cores" not in str(error):
            raise
        pytest.skip(str(error))
    event = simulate(arch, workload, engine="event", cache=None)
    assert event.network == compiled.network
    one = simulate(random_arch(seed), workload, residency="none", cache=None)
    assert [x.n_weights for x in compiled.layers] == [x.n_weights for x in one.layers]
    written = [
        sum(s.payload_bits for s in result.network.streams if s.is_write)
        for result in (compiled, one)
    ]
    assert written[0] == written[1]
    assert compiled.network.n_multipliers == n_cores * one.network.n_multipliers
    assert compiled.n_cycles >= compiled.network.bound


@pytest.mark.parametrize("n_cores", [2, 4])
def test_a_layer_bound_by_its_multipliers_takes_a_share_of_the_time(n_cores: int) -> None:
    conv = {"op": "conv2d", "kernel": [3, 3], "input_size": [16, 16], "padding": [1, 1]}
    layers = [
        {"name": "a", "in_channels": 16, "out_channels": 32, **conv, "inputs": ["input"]},
        {"name": "b", "in_channels": 32, "out_channels": 32, **conv, "inputs": ["a"]},
    ]
    data = {"name": "w", "synthetic": {"distribution": "normal"}, "layers": layers}
    workload = Workload.model_validate(data)
    arch = load_arch("dense_edge")
    one = simulate(arch, workload, residency="none", cache=None)
    more = simulate(arch.with_values({"cores": n_cores}), workload, cache=None)
    assert (
        more.network.bound_cycles["array chain"] * n_cores
        == one.network.bound_cycles["array chain"]
    )
    # At worst nothing overlaps: all multiplications, all bytes (every core reads its inputs), and
    # for each layer the way to the memory and back.
    bounds = more.network.bound_cycles
    assert one.n_cycles / n_cores <= more.n_cycles
    assert more.n_cycles <= bounds["array chain"] + bounds["memory"] + 400
    assert sum(more.area_um2.values()) == pytest.approx(n_cores * sum(one.area_um2.values()))


def test_heads_are_dealt_and_the_cache_is_read_once() -> None:
    workload = small_llama(context=20, n_tokens=3)
    arch = load_arch("bitmap_edge")
    one = simulate(arch, workload, cache=None)
    two = simulate(arch.with_values({"cores": 2}), workload, cache=None)
    event = simulate(arch.with_values({"cores": 2}), workload, engine="event", cache=None)
    assert event.network == two.network
    assert two.network.cache_bits == one.network.cache_bits
    assert two.network.tokens == 1
    assert any("2 cores" in note for note in two.network.notes)


def test_rows_and_groups_are_dealt_evenly() -> None:
    assert [share_of(10, core, 3) for core in range(3)] == [(0, 4), (4, 3), (7, 3)]
    conv = {"op": "conv1d", "in_channels": 6, "out_channels": 12, "kernel": [1], "groups": 3}
    data = {"name": "w", "synthetic": {"distribution": "normal"}}
    layers = [{"name": "a", **conv, "input_size": [4], "batch": 1}]
    layer = Workload.model_validate(data | {"layers": layers}).layers[0]
    assert [dealt_rows(layer, core, 2) for core in range(2)] == [(0, 8), (8, 4)]
    parts = [dealt_layer(layer, core, 2) for core in range(2)]
    assert [(p.groups, p.in_channels, p.out_channels) for p in parts] == [(2, 4, 8), (1, 2, 4)]
    assert sum(p.n_weights for p in parts) == layer.n_weights


def test_what_cannot_be_dealt_is_refused() -> None:
    arch = load_arch("dense_edge").with_values({"cores": 8})
    layers = [{"name": "a", "op": "linear", "in_features": 4, "out_features": 6}]
    data = {"name": "w", "synthetic": {"distribution": "normal"}, "layers": layers}
    workload = Workload.model_validate(data)
    with pytest.raises(InputError, match=r"'a' \(linear\): 6 output rows cannot be dealt to 8"):
        simulate(arch, workload, cache=None)
    with pytest.raises(InputError, match=r"4 heads|2 heads|16 output rows cannot"):
        simulate(arch, small_llama(), cache=None)
    with pytest.raises(ConfigError, match="cores: layers by themselves run on one core, got 8"):
        simulate(arch, workload, isolated=True, cache=None)
    with pytest.raises(InputError, match="one core only"):
        simulate(arch, workload, residency=["a"], cache=None)
    with pytest.raises(InputError, match="one core only"):
        simulate(arch, workload, functional=True, cache=None)
