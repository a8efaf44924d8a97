"""Attention in whole networks: both engines, bytes of the cache in closed form, bad sizes."""

from __future__ import annotations

import numpy as np
import pytest
from small_llama import small_llama

from f2fsim.codec.scales import SCALE_BITS
from f2fsim.config import load_workload
from f2fsim.config.arch import load_arch
from f2fsim.config.decode import with_cache
from f2fsim.config.operation import KV_BITS, Attention
from f2fsim.errors import ConfigError, InputError
from f2fsim.hw.dram import dram_params
from f2fsim.network.attention import array_order, plan_attention, tiles_of
from f2fsim.pipeline import simulate

ARCHS = ("f2f_edge", "dense_edge", "csr_edge", "bitmap_edge", "systolic_32x32", "sigma")


@pytest.mark.parametrize("seed", range(24))
def test_random_decoders(seed: int) -> None:
    """Both engines agree, and the cache moves what its sizes say."""
    rng = np.random.default_rng(seed)
    kv_heads = int(rng.choice([1, 2, 4]))
    sizes = {
        "n_blocks": int(rng.integers(1, 3)),
        "n_heads": 4,
        "kv_heads": kv_heads,
        "n_tokens": int(rng.choice([1, 1, 3, 6])),
        "context": int(rng.choice([0, 5, 37])),
        "kv_type": str(rng.choice(["int4", "int8", "bf16"])),
        "batch": int(rng.choice([1, 2])),
    }
    workload = small_llama(**sizes)
    arch = load_arch(str(rng.choice(ARCHS)))
    if rng.random() < 0.5:
        arch = arch.with_values({"vector": {"lanes": 4}})
    policy = str(rng.choice(["auto", "none"]))
    compiled = simulate(arch, workload, residency=policy, cache=None)
    event = simulate(arch, workload, residency=policy, engine="event", cache=None)
    assert event.network == compiled.network
    row = 2 * sizes["n_blocks"] * sizes["batch"] * kv_heads * 8 * KV_BITS[sizes["kv_type"]]
    assert compiled.network.cache_bits == {
        "kv cache": row * (sizes["context"] + sizes["n_tokens"]),
        "kv append": row * sizes["n_tokens"],
    }
    assert compiled.network.tokens == sizes["batch"]
    assert compiled.n_cycles >= compiled.network.bound


def attention(**more: object) -> Attention:
    data = {"name": "a", "op": "attention", "inputs": ("q", "k", "v"), "n_heads": 4}
    return Attention.model_validate(data | {"head_size": 16} | more)


def test_a_long_prompt_is_cut_into_tiles_that_each_read_what_they_see() -> None:
    work = attention(n_tokens=64, context=10, kv_heads=2)
    arch = load_arch("dense_edge")
    whole = plan_attention(arch, work, 1 << 30, 8, on_chip=True)
    assert whole.tile_tokens == (64,)
    free = sum(whole.scratchpad_bits.values()) // 3
    plan = plan_attention(arch, work, free, 8, on_chip=True)
    assert plan.tile_tokens == (16, 16, 16, 16)
    tiles = tiles_of(work, 3, plan)
    assert [tile.n_visible for tile in tiles[:4]] == [26, 42, 58, 74]
    assert [tile.n_queries for tile in tiles[:4]] == [32] * 4
    assert [tile.head for tile in tiles[::4]] == [0, 1, 2, 3, 4, 5]
    # What is multiplied is no less than what counts: the triangle in whole tiles.
    issued = sum(2 * t.n_queries * t.n_visible * work.head_size for t in tiles)
    assert issued >= 3 * work.macs
    assert {t.n_visible for t in tiles_of(attention(n_tokens=64, causal=False), 1, plan)} == {64}


def test_scores_are_one_tile_ahead_of_contexts() -> None:
    assert array_order(3) == [
        ("scores", 0), ("scores", 1), ("context", 0), ("scores", 2), ("context", 1), ("context", 2),
    ]  # fmt: skip
    assert array_order(1) == [("scores", 0), ("context", 0)]


def test_scores_that_do_not_fit_are_refused_with_the_least_size() -> None:
    arch = load_arch("dense_edge")
    with pytest.raises(ConfigError, match=r"scratchpad.capacity.*'a' needs at least \d+ bytes"):
        plan_attention(arch, attention(context=10**6), 1 << 20, 8, on_chip=True)


def test_context_and_type_of_the_cache_can_be_set() -> None:
    one = with_cache(small_llama(), 20, "int4")
    assert {(o.context, o.kv_type) for o in one.operations if isinstance(o, Attention)} == {
        (20, "int4")
    }
    with pytest.raises(InputError, match="has no attention"):
        with_cache(load_workload("resnet50"), 20, None)
    with pytest.raises(ConfigError, match="kv_type"):
        with_cache(small_llama(), None, "int5")
    with pytest.raises(ConfigError, match="context"):
        with_cache(small_llama(), -1, None)


def test_sizes_of_heads_are_held_against_each_other() -> None:
    assert attention(kv_heads=2).kv_values == 32
    with pytest.raises(ValueError, match="multiple of kv_heads"):
        attention(kv_heads=3)


def test_pairs_of_tokens() -> None:
    assert attention(n_tokens=4, context=3).n_pairs == 4 + 5 + 6 + 7
    assert attention(n_tokens=4, context=3, causal=False).n_pairs == 28
    assert attention(context=511).macs == 2 * 512 * 64


def test_decoding_slows_with_the_context_by_what_the_cache_moves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Nothing but weights and the cache is read: scales are tiny streams that open rows of their own.
    monkeypatch.setitem(SCALE_BITS, "fp32", 0)
    arch = load_arch("dense_edge")
    results = [
        simulate(arch, small_llama(), context=tokens, cache=None) for tokens in (0, 1000, 2000)
    ]
    first, middle, last = (one.n_cycles for one in results)
    row = 2 * 2 * 8 * 8  # bits of a token: keys and values of two heads of eight, int8
    dram = dram_params(arch.dram())
    refreshed = 1 - dram.ref_act / dram.ref_interval  # share of the time that is left
    per_token = row / 8 / results[0].peak_bytes_per_second * arch.clock / refreshed
    # Some of it is fetched ahead while other layers run, as much as the buffer holds.
    assert last - middle == pytest.approx(1000 * per_token, rel=0.03)
    assert middle - first == pytest.approx(1000 * per_token, rel=0.15)
    assert results[2].network.tokens_per_second < results[1].network.tokens_per_second
