"""Whole runs on real weights: conservation, determinism, both engines, losslessness."""

from __future__ import annotations

import json

import numpy as np
import pytest

import f2fsim
from f2fsim import shipped
from f2fsim.config import load_workload
from f2fsim.config.arch import load_arch
from f2fsim.errors import ConfigError, InputError
from f2fsim.hw.front_ends import layer_format
from f2fsim.hw.front_ends.f2f import used_outputs
from f2fsim.pipeline import EncodingCache
from f2fsim.results import SimResult
from f2fsim.results.parse import parse_result
from f2fsim.workloads import iterate_layers

EDGE = ["f2f_edge", "csr_edge", "bitmap_edge", "dense_edge"]
pytestmark = pytest.mark.weights


@pytest.fixture(scope="module")
def results() -> list[SimResult]:
    return f2fsim.compare("silero_vad", EDGE, sparsity=0.8, isolated=True, cache=None)


def test_every_part_adds_up_and_no_bound_is_beaten(results: list[SimResult]) -> None:
    for result in results:
        for layer in result.layers:
            for part in layer.components:
                total = part.busy_cycles + part.stalled_cycles + part.idle_cycles
                assert total == part.total_cycles
            assert layer.n_cycles >= layer.bound > 0
            assert layer.macs_issued >= layer.macs_effectual
            for stream in layer.streams:
                assert 8 * stream.n_bytes >= stream.payload_bits


def test_weights_are_fetched_once_and_all_bits_are_paid(results: list[SimResult]) -> None:
    for result in results:
        for layer in result.layers:
            for name, bits in layer.encoded_bits.items():
                if name == "dense flags":  # come with the addresses of the bands
                    continue
                fetched = [s.payload_bits for s in layer.streams if s.name == name]
                assert sum(fetched) == bits, f"{result.arch} {layer.name} {name}"


def test_both_engines_give_the_same_result() -> None:
    for arch in EDGE:
        layers = ["conv3", "lstm_cell"]
        compiled = f2fsim.simulate(arch, "silero_vad", sparsity=0.8, layers=layers, cache=None)
        event = f2fsim.simulate(
            arch, "silero_vad", sparsity=0.8, layers=layers, cache=None, engine="event"
        )
        assert (compiled.layers, compiled.network) == (event.layers, event.network)


def test_same_seed_same_bytes(tmp_path, results: list[SimResult]) -> None:
    again, cached = (
        f2fsim.compare(
            "silero_vad", EDGE, sparsity=0.8, isolated=True, cache=EncodingCache(tmp_path)
        )
        for _ in range(2)
    )
    texts = [json.dumps([r.to_dict() for r in run]) for run in (results, again, cached)]
    assert texts[0] == texts[1] == texts[2]
    assert [parse_result(json.loads(json.dumps(r.to_dict()))) for r in results]


@pytest.mark.parametrize("arch", sorted(shipped.names("arch_configs")))
def test_every_shipped_architecture_decodes_what_it_encodes(arch: str) -> None:
    config = load_arch(arch)
    workload = load_workload("silero_vad").with_overrides(sparsity=0.8)
    if config.front_end.kind == "nm":
        pattern = {"method": "nm", "n": config.front_end.n, "m": config.front_end.m}
        workload = load_workload("silero_vad").with_overrides(pruning=pattern)
    for data in iterate_layers(workload):
        weight_format = layer_format(config, data.tensor)
        decoded = weight_format.decode(weight_format.encode(data.tensor))
        assert np.array_equal(decoded.patterns, data.tensor.patterns)
        assert np.array_equal(decoded.mask, data.tensor.mask)


@pytest.mark.parametrize("sparsity", [0.0, 1.0])
def test_none_pruned_and_all_pruned_run(sparsity: float) -> None:
    results = f2fsim.compare("silero_vad", EDGE, sparsity=sparsity, layers=["conv3"], cache=None)
    assert all(result.n_cycles > 0 for result in results)


def test_a_damaged_cache_entry_is_encoded_again(tmp_path) -> None:
    cache = EncodingCache(tmp_path)
    # Without trials, which encode for the plans that they try.
    arch = load_arch("f2f_edge").with_values({"schedule": "predicted"})
    first = f2fsim.simulate(arch, "silero_vad", layers=["conv3"], cache=cache)
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:100])
    assert f2fsim.simulate(arch, "silero_vad", layers=["conv3"], cache=cache) == first
    assert cache.info().n_entries == 1
    assert cache.clear() == 1


def test_what_does_not_fit_is_refused_with_the_least_value() -> None:
    small = load_arch("f2f_edge").with_values({"scratchpad.capacity": "64 B"})
    with pytest.raises(ConfigError, match=r"scratchpad\.capacity: layer .* needs at least"):
        f2fsim.simulate(small, "silero_vad", cache=None)
    small = load_arch("f2f_edge").with_values({"streams.prefetch": "32 B"})
    with pytest.raises(ConfigError, match=r"streams\.prefetch: stream .* needs at least"):
        f2fsim.simulate(small, "silero_vad", cache=None)


def test_unknown_names_are_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'f2f_edge'"):
        f2fsim.simulate("f2f_edg", "silero_vad")
    with pytest.raises(InputError, match="did you mean 'event'"):
        f2fsim.simulate("f2f_edge", "silero_vad", engine="evnt")
    with pytest.raises(ConfigError, match=r"no key 'n_ot' \(did you mean 'n_out'"):
        load_arch("f2f_edge").with_values({"front_end.n_ot": 3})


def test_matched_outputs_follow_the_density() -> None:
    front_end = load_arch("f2f_edge").front_end
    assert used_outputs(front_end, 1000, 100) == 80
    assert used_outputs(front_end, 1000, 300) == 26
    assert used_outputs(front_end, 1000, 1000) == 8
    assert used_outputs(front_end, 1000, 0) == front_end.n_out
    arch = load_arch("f2f_edge")
    everything = arch.with_values({"front_end.outputs": "all"})
    for sparsity in (0.0, 0.7):
        matched, fixed = f2fsim.compare(
            "silero_vad", [arch, everything], sparsity=sparsity, layers=["lstm_cell"], cache=None
        )
        assert matched.bits_per_weight < fixed.bits_per_weight
        assert matched.n_cycles < fixed.n_cycles / 5
    dense = f2fsim.simulate(arch, "silero_vad", sparsity=0.0, layers=["lstm_cell"], cache=None)
    assert dense.bits_per_weight_without_mask == pytest.approx(8, rel=0.02)
