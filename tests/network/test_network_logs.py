"""Whole logs of networks, worked by hand, the memory behind them included.

The machine has one clock of 1.2 GHz (DDR4-2400), four multipliers, FIFOs of one place, a prefetch
buffer of two bursts, no refresh.  A request at cycle t is at the memory at t + 1.  All that a test
has lies in one row: the first read opens it, tRCD 17 + RL 17 + 4 clocks of data = 38; later reads
take 21, writes WL 12 + 4 = 16, and follow each other by tCCD_L = 6 at least.  A read's command
comes tWTR_L = 9 after the last written data or later.  What arrives at t is visible at t + 1.
"""

from __future__ import annotations

from typing import Any

from logged import logged, tiny_arch

from f2fsim.config.workload import Workload


def linear(name: str, n_in: int, n_out: int, *inputs: str) -> dict[str, Any]:
    shape = {"in_features": n_in, "out_features": n_out}
    return {"name": name, "op": "linear", **shape, "inputs": list(inputs)}


def network(layers: list[dict[str, Any]], *operations: dict[str, Any]) -> Workload:
    data = {"name": "t", "synthetic": {"distribution": "normal"}, "layers": layers}
    return Workload.model_validate(data | {"operations": operations})


def test_a_chain_of_three_layers() -> None:
    """a stays on the chip, b goes to memory and back, weights of b and c are fetched ahead.

    Weights of a and b are a burst each (64), those of c half a one; 16, 16 and 8 steps.
    """
    chain = [linear("a", 8, 8, "input"), linear("b", 8, 8, "a"), linear("c", 8, 4, "b")]
    assert logged(network(chain), tiny_arch(), ["a"]) == {
        # Both bursts that fit the buffer at 0; that of c when a's last weights were taken (52).
        "weights": [
            ("busy", 0, 1),
            ("memory", 1, 39),
            ("weights buffer full", 39, 52),
            ("busy", 52, 53),
            ("memory", 53, 74),
        ],
        # The input comes second: 39 + 6 = 45.  b is written at 87 + 16 = 103, seen at 104; its
        # command to read comes at 103 + 9.
        "activations": [
            ("busy", 0, 1),
            ("inputs not written", 1, 104),
            ("busy", 104, 105),
            ("memory", 105, 133),
        ],
        "weight buffer": [
            ("weights empty", 0, 40),
            ("busy", 40, 43),
            ("weight buffer out full", 43, 48),
            ("busy", 48, 64),
            ("weight buffer out full", 64, 68),
            ("busy", 68, 84),
            ("weight buffer out full", 84, 136),
            ("busy", 136, 141),
        ],
        # Weights came first; b's scratchpad is there at 67, the map a at 68; no weights are waited
        # for at b and c: they were fetched while a was computed.
        "pe array": [
            ("weight buffer empty", 0, 43),
            ("activations not loaded", 43, 48),
            ("busy", 48, 64),
            ("activations not loaded", 64, 67),
            ("inputs not made", 67, 68),
            ("busy", 68, 84),
            ("activations not loaded", 84, 136),
            ("busy", 136, 144),
        ],
        "scratchpad fill": [
            ("activations empty", 0, 46),
            ("busy", 46, 47),
            ("stage before not done", 47, 66),
            ("stage before not done", 66, 86),
            ("activations empty", 86, 134),
            ("busy", 134, 135),
        ],
        # Free of cycles, but outputs pass through it: a at 65, b at 85, c at 145.
        "vector unit": [
            ("outputs empty", 0, 65),
            ("outputs empty", 65, 85),
            ("outputs empty", 85, 145),
        ],
        # Eight bytes of a, a bank of eight a cycle.
        "scratchpad keep": [("kept outputs empty", 0, 66), ("busy", 66, 67)],
        "outputs": [
            ("results empty", 0, 86),
            ("busy", 86, 87),
            ("results empty", 87, 146),
            ("busy", 146, 147),
            ("memory", 147, 163),
        ],
    }


def test_a_residual() -> None:
    """The map a is b's input and is added to b's outputs: eight additions on two lanes."""
    layers = [linear("a", 8, 8, "input"), linear("b", 8, 8, "a")]
    add = {"name": "sum", "op": "add", "inputs": ["b", "a"]}
    log = logged(network(layers, add), tiny_arch(lanes=2), ["a"])
    assert log["pe array"] == [
        ("weight buffer empty", 0, 43),
        ("activations not loaded", 43, 48),
        ("busy", 48, 64),
        ("activations not loaded", 64, 67),
        ("inputs not made", 67, 68),
        ("busy", 68, 84),
    ]
    assert log["vector unit"] == [
        ("outputs empty", 0, 65),
        ("outputs empty", 65, 85),
        ("busy", 85, 89),
    ]
    assert log["scratchpad keep"] == [("kept outputs empty", 0, 66), ("busy", 66, 67)]
    # 91 + 16: nothing but the sum is written, nothing but the input and the weights were read.
    assert log["outputs"] == [("results empty", 0, 90), ("busy", 90, 91), ("memory", 91, 107)]
    # Weights of a at 39, the input at 45, weights of b at 51.
    assert log["weights"] == [("busy", 0, 1), ("memory", 1, 51)]
    assert log["activations"] == [("busy", 0, 1), ("memory", 1, 45)]
    assert log.keys() == {
        "weights", "activations", "weight buffer", "pe array", "scratchpad fill", "vector unit",
        "scratchpad keep", "outputs",
    }  # fmt: skip


def test_one_attention_head() -> None:
    """A new token of a head of eight values sees seven in the cache and itself; int8, four lanes.

    Scores: 8 tokens times 8 values, 16 cycles.  Softmax: 8 scores, four operations each, 8 cycles.
    Context: 16 cycles.
    """
    layers = [linear(name, 8, 8, "input") for name in "qkv"]
    head = {"name": "head", "op": "attention", "inputs": ["q", "k", "v"], "n_heads": 1}
    head |= {"head_size": 8, "context": 7, "kv_type": "int8"}
    log = logged(network(layers, head), tiny_arch(lanes=4), ["q", "k", "v"])
    # The products of q, k, v (its weights are fetched when those of q are taken, at 60: seen at
    # 83); then the cache: see below; softmax is seen at 193.
    assert log["pe array"] == [
        ("weight buffer empty", 0, 43),
        ("activations not loaded", 43, 48),
        ("busy", 48, 64),
        ("activations not loaded", 64, 68),
        ("busy", 68, 84),
        ("weight buffer empty", 84, 86),
        ("activations not loaded", 86, 88),
        ("busy", 88, 104),
        ("activations not loaded", 104, 114),
        ("kv cache empty", 114, 167),
        ("busy", 167, 183),
        ("softmax not done", 183, 193),
        ("busy", 193, 209),
    ]
    # Keys and values of the new token: 16 values on four lanes as soon as v is kept.
    assert log["vector unit"] == [
        ("outputs empty", 0, 65),
        ("outputs empty", 65, 85),
        ("outputs empty", 85, 105),
        ("inputs not made", 105, 108),
        ("busy", 108, 112),
        ("scores not made", 112, 184),
        ("busy", 184, 192),
        ("outputs empty", 192, 210),
    ]
    # Two rows are written: 114 + 16, and six later the second; seen at 137.
    assert log["kv append"] == [
        ("appended empty", 0, 113),
        ("busy", 113, 114),
        ("memory", 114, 136),
    ]
    # Keys: 136 + 9 + 21 = 166, seen at 167; values six later.
    assert log["kv cache"] == [
        ("new tokens not written", 0, 137),
        ("busy", 137, 138),
        ("memory", 138, 172),
    ]
    assert log["outputs"] == [("results empty", 0, 211), ("busy", 211, 212), ("memory", 212, 228)]
    assert log["scratchpad keep"] == [
        ("kept outputs empty", 0, 66),
        ("busy", 66, 67),
        ("kept outputs empty", 67, 86),
        ("busy", 86, 87),
        ("kept outputs empty", 87, 106),
        ("busy", 106, 107),
    ]
