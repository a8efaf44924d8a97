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
from f2fsim.rtl.cycles import TakeTimes, random_gaps, take_cycles
from f2fsim.rtl.fields import zero_run_fields
from f2fsim.rtl.front_ends import device_for_layer
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


class LateWords:
    """Gaps of a world whose words are late: masks and patches keep up, as prefetch buffers do."""

    def __init__(self, first_gap):
        self.n_calls, self.first_gap, self.random = 0, first_gap, random_gaps(11, 4)

    def __call__(self, n):
        self.n_calls += 1  # words, masks, patches, consumer
        gaps = self.random(n) if self.n_calls in (1, 4) else np.ones(n, dtype=np.int64)
        if self.n_calls == 1:
            gaps[0] = self.first_gap
        return gaps


def between_sources_and_consumer(machine, device, vectors, timed):
    """Return the front end of `machine`, its memory streams replaced by the sources of a bench."""
    bench, moves = timed.machine, vectors.patch_moves(device.patch_rate)
    fields = moves.by_block
    # The machine counts patches; an escape of the gap code takes a field of the unit too.
    cycles = np.diff(np.flatnonzero(fields.last), prepend=-1)
    n_escapes = int((~moves.fields.is_event).sum())
    ends = np.cumsum(moves.fields.widths)
    through = np.concatenate([[0], ends])[np.cumsum(fields.per_cycle)[fields.last == 1]]
    mask_need = seq(1)
    if device.mask_path.code == "zero_runs":
        runs = zero_run_fields(vectors.mask[:, : vectors.n_used], device.mask_path.run_bits)
        mask_need = runs.per_block
    fed = {
        "xor decoder": InPort("words", seq(1), "words empty"),
        "patch unit": InPort("patch bits", np.diff(through, prepend=0), "patches empty"),
        "mask unit": InPort("mask items", mask_need, "masks empty"),
    }
    # Buffers hold all; no places are given back.
    parts = [
        dataclasses.replace(
            part, outputs=tuple(port for port in part.outputs if port.channel != "patch places")
        )
        for part in bench.components
        if part.name.endswith("source")
    ]
    for part in machine.components:
        if part.name in FRONT_END:
            kept = tuple(port for port in part.inputs if port.channel.endswith(" out"))
            part = dataclasses.replace(part, inputs=(*kept, fed[part.name]))
            if part.name == "patch unit":
                assert np.abs(part.service_cycles - cycles).sum() <= n_escapes
                part = dataclasses.replace(part, service_cycles=seq(cycles))
            parts.append(part)
    channels = [c for c in bench.channels if c.name in ("words", "mask items")]
    channels += [
        dataclasses.replace(c, capacity=100_000) for c in bench.channels if "bits" in c.name
    ]
    channels += [c for c in machine.channels if c.name in [f"{name} out" for name in FRONT_END]]
    assert (len(parts), len(channels)) == (6, 6)
    consumer = bench.components[-1]
    takes = (InPort("patch unit out", seq(1), "patched empty"),)
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
    job = device_for_layer(arch, tensor)
    vectors, device = job.vectors, job.device
    # Buffers that hold a block's patches and mask words: the machine takes them together, the
    # Verilog a cycle's worth at a time.
    most = int(vectors.patch_moves(1).by_block.first.size)
    path = device.mask_path
    path = dataclasses.replace(path, fifo=device.n_out + path.fifo)
    device = dataclasses.replace(device, patch_fifo=min(most, 400) + 9, mask_path=path)
    bench = device.bench(vectors, LateWords(2 * (device.patch_fifo + path.fifo)))
    seen = TakeTimes()
    machine = simulated_machine(arch, tensor)
    run_event(between_sources_and_consumer(machine, device, vectors, bench.timed), None, seen)
    assert len(seen.ticks["out"]) == vectors.n_blocks
    np.testing.assert_array_equal(seen.ticks["out"], take_cycles(bench.timed)["out"])
    outcome = cosimulate(bench)
    assert outcome.passed, outcome.message
