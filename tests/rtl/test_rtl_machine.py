"""The cycles that the Verilog is held against are those of the simulated machine's own parts.

`f2fsim.hw.elaborate.build_layer` makes the machine that a simulation runs.  Its front end (service
cycles, channels, latencies as they are) is put between the sources and the consumer of a test
bench; the event engine must give every block the cycle that co-simulation expects of the Verilog.
"""

import dataclasses

import numpy as np
import pytest

from f2fsim.codec.tensor import PrunedTensor, weight_type
from f2fsim.config.arch import load_arch
from f2fsim.config.layer import LinearLayer
from f2fsim.engine.event import run_event
from f2fsim.hw.description import InPort, Machine, seq
from f2fsim.hw.dram import dram_params
from f2fsim.hw.elaborate import build_layer
from f2fsim.hw.front_ends import layer_format
from f2fsim.rtl.cosim import cosimulate
from f2fsim.rtl.from_arch import group_for_layer
from f2fsim.rtl.timing import (
    TakeTimes,
    group_machine,
    mask_beats,
    output_cycles,
    random_environment,
)
from f2fsim.scheduling import plan_layer

FRONT_END = ("xor decoder", "patch unit", "mask unit")


def machine_of(**changes):
    """Return f2f_edge with one group and what `changes` says of its front end."""
    arch = load_arch("f2f_edge")
    front_end = arch.front_end.model_copy(update={"groups": 1, **changes})
    return arch.model_copy(update={"front_end": front_end})


def layer_of(sparsity):
    rng = np.random.default_rng(5)
    mask = rng.random((64, 96)) < (1 - sparsity) * rng.exponential(1.0, (64, 1))
    patterns = np.where(mask, rng.integers(0, 256, mask.shape), 0).astype(np.uint8)
    return PrunedTensor("layer", patterns, mask, weight_type("int8"))


def simulated_machine(arch, tensor):
    n_rows, n_cols = tensor.shape
    layer = LinearLayer(name="layer", op="linear", in_features=n_cols, out_features=n_rows)
    plan = plan_layer(arch, dram_params(arch.dram()), layer, tensor)
    bands = [(tensor, layer_format(arch, tensor).encode(tensor))]
    return build_layer(arch, dram_params(arch.dram()), layer, plan, bands).machine


def between_sources_and_consumer(machine, design, vectors, world):
    """Return the front end of `machine`, its memory streams replaced by the sources of a bench."""
    bench = group_machine(design, vectors, world)
    sources = [part for part in bench.components if part.name.endswith("source")]
    channels = [c for c in bench.channels if c.name in ("words", "patches", "mask_items")]
    symbols = vectors.zero_runs(design.run_bits).per_block
    fed = {
        "xor decoder": InPort("words", seq(1), "words empty"),
        "patch unit": InPort("patches", seq(vectors.patch_counts), "patches empty"),
        "mask unit": InPort(
            "mask_items", seq(1) if design.mask_code == "raw" else seq(symbols), "masks empty"
        ),
    }
    parts = []
    for part in machine.components:
        if part.name in FRONT_END:
            kept = tuple(port for port in part.inputs if port.channel.endswith(" out"))
            parts.append(dataclasses.replace(part, inputs=(*kept, fed[part.name])))
    assert [part.name for part in parts] == list(FRONT_END)
    channels += [c for c in machine.channels if c.name in [f"{name} out" for name in FRONT_END]]
    assert len(channels) == 6
    takes = (
        InPort("patch unit out", seq(1), "patched empty"),
        InPort("mask unit out", seq(1), "masks empty"),
    )
    consumer = next(part for part in bench.components if part.name == "consumer")
    parts += [part for part in sources if part.name != "count_source"]
    parts.append(dataclasses.replace(consumer, inputs=takes))
    clock_hz = consumer.clock_hz  # one clock, a tick a cycle
    parts = [dataclasses.replace(part, clock_hz=clock_hz) for part in parts]
    return Machine(tuple(parts), tuple(channels))


@pytest.mark.needs("iverilog")
@pytest.mark.parametrize(
    ("sparsity", "changes"),
    [
        (0.9, {}),
        (0.7, {"patch_rate": 1, "fifo_units": 3, "pipeline_cycles": 4, "n_s": 3}),
        (0.9, {"outputs": "all", "n_out": 48, "mask_code": "zero_runs", "mask_rate": 2}),
        (0.5, {"mask_code": "zero_runs", "mask_rate": 4, "pipeline_cycles": 1, "n_s": 0}),
    ],
    ids=["f2f_edge", "slow-patches", "zero-runs", "few-outputs"],
)
def test_verilog_keeps_the_cycles_of_the_simulated_machine(sparsity, changes):
    arch, tensor = machine_of(**changes), layer_of(sparsity)
    group = group_for_layer(arch, tensor)
    vectors = group.vectors
    # Streams that keep up, as the machine's prefetch buffers do: it takes a block's patches and
    # mask words together, the Verilog a cycle's worth at a time.
    design = dataclasses.replace(
        group.design,
        patch_fifo=int(vectors.patch_counts.max()) + 2 * group.design.patch_rate,
        mask_fifo=group.design.n_out + 2 * group.design.mask_rate,
    )
    world = random_environment(design, vectors, 11)
    word_gaps = world.word_gaps.copy()
    word_gaps[0] = 2 * (design.patch_fifo + design.mask_fifo)
    world = dataclasses.replace(
        world,
        word_gaps=word_gaps,
        count_gaps=np.ones_like(world.count_gaps),
        patch_gaps=np.ones_like(world.patch_gaps),
        mask_gaps=np.ones(mask_beats(design, vectors).per_put.size, dtype=np.int64),
    )
    machine = simulated_machine(arch, tensor)
    seen = TakeTimes()
    run_event(between_sources_and_consumer(machine, design, vectors, world), None, seen)
    assert len(seen.ticks) == vectors.n_blocks
    np.testing.assert_array_equal(seen.ticks, output_cycles(design, vectors, world))
    outcome = cosimulate(design, vectors, world)
    assert outcome.passed, outcome.message
