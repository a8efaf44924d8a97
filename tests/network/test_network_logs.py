"""Whole logs of networks, worked by hand, the memory behind them included.

The machine has one clock of 1.2 GHz (DDR4-2400), four multipliers, FIFOs of one place, a prefetch
buffer of two bursts, no refresh.  A request at cycle t is at the memory at t + 1.  A read from a
closed row takes tRCD 17 + RL 17 + 4 clocks of data = 38, a write 17 + WL 12 + 4 = 33; activations
in other bank groups follow each other by 4.  What arrives at t is visible at t + 1.
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
        # Both bursts that fit the buffer at 0; that of c when a's last weights were taken (53).
        "weights": [
            ("busy", 0, 1),
            ("memory", 1, 39),
            ("weights buffer full", 39, 54),
            ("busy", 54, 55),
            ("memory", 55, 93),
        ],
        # The third to activate: 1 + 38 + 2 * 4 = 47.  b is written at 88 + 34 = 122, seen at 123;
        # its row is open, the bus turns round.
        "activations": [
            ("busy", 0, 1),
            ("inputs not written", 1, 123),
            ("busy", 123, 124),
            ("memory", 124, 146),
        ],
        "weight buffer": [
            ("weights empty", 0, 40),
            ("busy", 40, 43),
            ("weight buffer out full", 43, 50),
            ("busy", 50, 66),
            ("weight buffer out full", 66, 70),
            ("busy", 70, 83),
            ("weights empty", 83, 94),
            ("busy", 94, 97),
            ("weight buffer out full", 97, 149),
            ("busy", 149, 154),
        ],
        # Weights came first; b's scratchpad is there at 69, the map a at 70; no weights are waited
        # for at b: they were fetched while a was computed.
        "pe array": [
            ("weight buffer empty", 0, 43),
            ("activations not loaded", 43, 50),
            ("busy", 50, 66),
            ("activations not loaded", 66, 69),
            ("inputs not made", 69, 70),
            ("busy", 70, 86),
            ("weight buffer empty", 86, 97),
            ("activations not loaded", 97, 149),
            ("busy", 149, 157),
        ],
        "scratchpad fill": [
            ("activations empty", 0, 48),
            ("busy", 48, 49),
            ("stage before not done", 49, 68),
            ("stage before not done", 68, 88),
            ("activations empty", 88, 147),
            ("busy", 147, 148),
        ],
        # Free of cycles, but outputs pass through it: a at 67, b at 87, c at 158.
        "vector unit": [
            ("outputs empty", 0, 67),
            ("outputs empty", 67, 87),
            ("outputs empty", 87, 158),
        ],
        # Eight bytes of a, a bank of eight a cycle.
        "scratchpad keep": [("kept outputs empty", 0, 68), ("busy", 68, 69)],
        "outputs": [
            ("results empty", 0, 88),
            ("busy", 88, 89),
            ("results empty", 89, 159),
            ("busy", 159, 160),
            ("memory", 160, 193),
        ],
    }


def test_a_residual() -> None:
    """The map a is b's input and is added to b's outputs: eight additions on two lanes."""
    layers = [linear("a", 8, 8, "input"), linear("b", 8, 8, "a")]
    add = {"name": "sum", "op": "add", "inputs": ["b", "a"]}
    log = logged(network(layers, add), tiny_arch(lanes=2), ["a"])
    assert log["pe array"] == [
        ("weight buffer empty", 0, 43),
        ("activations not loaded", 43, 50),
        ("busy", 50, 66),
        ("activations not loaded", 66, 69),
        ("inputs not made", 69, 70),
        ("busy", 70, 86),
    ]
    assert log["vector unit"] == [
        ("outputs empty", 0, 67),
        ("outputs empty", 67, 87),
        ("busy", 87, 91),
    ]
    assert log["scratchpad keep"] == [("kept outputs empty", 0, 68), ("busy", 68, 69)]
    # 92 + 34: nothing but the sum is written, nothing but the input and the weights were read.
    assert log["outputs"] == [("results empty", 0, 92), ("busy", 92, 93), ("memory", 93, 126)]
    assert log["weights"] == [("busy", 0, 1), ("memory", 1, 43)]
    assert log["activations"] == [("busy", 0, 1), ("memory", 1, 47)]
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
    # The products of q, k, v; then the cache: see below; softmax is seen at 214.
    assert log["pe array"] == [
        ("weight buffer empty", 0, 43),
        ("activations not loaded", 43, 58),
        ("busy", 58, 74),
        ("activations not loaded", 74, 78),
        ("busy", 78, 94),
        ("weight buffer empty", 94, 96),
        ("activations not loaded", 96, 98),
        ("busy", 98, 114),
        ("activations not loaded", 114, 124),
        ("kv cache empty", 124, 188),
        ("busy", 188, 204),
        ("softmax not done", 204, 214),
        ("busy", 214, 230),
    ]
    # Keys and values of the new token: 16 values on four lanes as soon as v is kept.
    assert log["vector unit"] == [
        ("outputs empty", 0, 75),
        ("outputs empty", 75, 95),
        ("outputs empty", 95, 115),
        ("inputs not made", 115, 118),
        ("busy", 118, 122),
        ("scores not made", 122, 205),
        ("busy", 205, 213),
        ("outputs empty", 213, 231),
    ]
    # Two rows are written: 123 + 1 + 33, and four later the second; seen at 162.
    assert log["kv append"] == [
        ("appended empty", 0, 123),
        ("busy", 123, 124),
        ("memory", 124, 161),
    ]
    # Row of the keys: written from 141 (+ tWTR of 25 clocks from write to read), 17 + 4 of reading.
    assert log["kv cache"] == [
        ("new tokens not written", 0, 162),
        ("busy", 162, 163),
        ("memory", 163, 191),
    ]
    assert log["outputs"] == [("results empty", 0, 232), ("busy", 232, 233), ("memory", 233, 249)]
    assert log["scratchpad keep"] == [
        ("kept outputs empty", 0, 76),
        ("busy", 76, 77),
        ("kept outputs empty", 77, 96),
        ("busy", 96, 97),
        ("kept outputs empty", 97, 116),
        ("busy", 116, 117),
    ]
