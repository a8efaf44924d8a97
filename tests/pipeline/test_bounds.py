"""Runs against their analytic bounds where one resource dominates, and what more of a thing gives.

A case drives one unit to its limit: the others need less than half of its cycles, the memory is
fast and deeply prefetched.  The run then takes at most 3 % more than the bound.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import f2fsim
from f2fsim.config import Workload
from f2fsim.config.arch import load_arch
from f2fsim.results import LayerResult

#: Memory that never binds.
FAST = {
    "memory.preset": "hbm2_stack",
    "streams.requests_per_cycle": 16,
    "streams.prefetch": "64 KiB",
}
#: Large steps and prefetch, so that the memory alone binds.
WIDE = {"pe_array.weights_per_cycle": 4096, "streams.prefetch": "64 KiB"}


def run(
    arch: str, values: dict, m: int, k: int, n: int = 1, sparsity: float = 0.9, seed: int = 0
) -> LayerResult:
    layer = {"name": "l", "op": "linear", "in_features": k, "out_features": m, "n_tokens": n}
    workload = Workload.model_validate(
        {
            "name": "w",
            "description": "one layer",
            "synthetic": {"distribution": "normal"},
            "pruning": {"method": "magnitude", "sparsity": sparsity},
            "weight_type": "int8",
            "seed": seed,
            "layers": [layer],
        }
    )
    return f2fsim.simulate(
        load_arch(arch).with_values(values), workload, isolated=True, cache=None
    ).layers[0]


def check(layer: LayerResult, resource: str, same: tuple[str, ...] = ()) -> None:
    """`same` names other units that do the same work and so have the same bound."""
    bounds = dict(layer.bound_cycles)
    bound = bounds.pop(resource)
    others = {name: cycles for name, cycles in bounds.items() if name not in same}
    assert bound >= 2 * max(others.values()), (resource, bound, others)
    assert bound <= layer.n_cycles <= 1.03 * bound, (layer.n_cycles, bound)


@pytest.mark.parametrize(
    ("arch", "values"),
    [
        ("dense_edge", WIDE | {"front_end.weights_per_cycle": 1024}),
        ("csr_edge", {"pe_array.n_pes": 1024, "scratchpad.n_banks": 1024,
                      "streams.prefetch": "64 KiB"}),
        ("f2f_edge", WIDE | {"front_end.groups": 32}),
        ("nm_edge", WIDE | {"front_end.groups_per_cycle": 256}),
        ("bitmap_edge", WIDE | {"front_end.block": 1024, "front_end.aligner_weights": 1024}),
        ("scnn_like", {"front_end.entries_per_cycle": 256, "pe_array.weights_per_cycle": 1024,
                       "pe_array.columns": 1, "streams.prefetch": "64 KiB",
                       "scratchpad.n_banks": 1024}),
    ],
)  # fmt: skip
def test_memory(arch: str, values: dict) -> None:
    check(run(arch, values, 2048, 4096), "memory")


def test_memory_refresh_is_in_the_bound() -> None:
    """Without refresh the same bytes need fewer cycles, in the run and in the bound."""
    values = WIDE | {"front_end.weights_per_cycle": 1024}
    on = run("dense_edge", values, 1024, 4096)
    off = run("dense_edge", values | {"memory.refresh": False}, 1024, 4096)
    assert off.bound < on.bound
    assert off.n_cycles < on.n_cycles
    check(off, "memory")


@pytest.mark.parametrize("shape", [(300, 500, 256), (1000, 77, 130)])
@pytest.mark.parametrize("arch", ["dense_edge", "nm_edge", "f2f_edge", "dense_server"])
def test_lanes(arch: str, shape: tuple[int, int, int]) -> None:
    m, k, n = shape
    layer = run(arch, FAST, m, k, n)
    # Tiles of one wave make the front end deliver a step for each of them.
    same = ("multipliers", "front end", "accumulators")
    if arch == "nm_edge" and k == 77:  # columns 0 to 12 share their banks with 64 to 76
        check(layer, "operand banks", same=(*same, "array steps"))
    else:
        check(layer, "array steps", same=(*same, "operand banks"))


@pytest.mark.parametrize(
    ("arch", "values", "sparsity"),
    [
        ("bitmap_edge", {"front_end.aligner_weights": 4, "front_end.block": 256}, 0.7),
        ("bitmap_edge", {"front_end.aligner_weights": 4, "front_end.block": 256}, 0.4),
    ],
)
def test_aligner(arch: str, values: dict, sparsity: float) -> None:
    check(run(arch, FAST | values, 700, 900, sparsity=sparsity), "aligner")


@pytest.mark.parametrize("sparsity", [0.5, 0.7])
def test_patches(sparsity: float) -> None:
    """Wide blocks, dense weights, one group: a flood of patches."""
    values = {"front_end.outputs": "all", "front_end.groups": 1, "front_end.patch_rate": 1}
    check(run("f2f_edge", FAST | values, 300, 500, sparsity=sparsity), "patches")


def test_decoder_blocks() -> None:
    """One group of 80 outputs on 256 lanes: a block a cycle."""
    values = {"front_end.groups": 1, "pe_array.weights_per_cycle": 256}
    layer = run("f2f_edge", FAST | values, 700, 900)
    check(layer, "front end", same=("array steps",))


@pytest.mark.parametrize(
    ("arch", "values"),
    [
        ("f2f_skip_edge", {"front_end.groups": 1}),
        ("bitmap_edge", {"front_end.aligner_weights": 256}),
    ],
)
def test_mask_unit(arch: str, values: dict) -> None:
    coded = {"front_end.mask_code": "zero_runs", "front_end.mask_rate": 1}
    # At a density of 0.3 bitmap would store the layer densely.
    check(run(arch, FAST | values | coded, 500, 700, sparsity=0.75), "mask unit")


def test_run_decoder() -> None:
    layer = run("scnn_like", FAST | {"front_end.entries_per_cycle": 4}, 700, 900, sparsity=0.7)
    check(layer, "run decoder", same=("front end", "array steps"))


@pytest.mark.parametrize("dataflow", ["systolic_32x32", "systolic_32x32_os"])
@pytest.mark.parametrize("shape", [(900, 500, 100), (1000, 300, 260)])
def test_systolic(dataflow: str, shape: tuple[int, int, int]) -> None:
    layer = run(dataflow, FAST, *shape)
    check(layer, "array", same=("multipliers", "accumulators"))


def test_one_pe_owns_all_rows() -> None:
    """Gathers of few PEs from many banks hardly meet: the longest list of entries decides."""
    layer = run("csr_edge", FAST | {"pe_array.n_pes": 2, "scratchpad.n_banks": 256}, 300, 900)
    check(layer, "longest PE")


@pytest.mark.parametrize(
    ("n_pes", "n_banks", "window", "shape"),
    [(128, 1, 16, (256, 500)), (128, 2, 64, (512, 1000))],
)
def test_activation_banks(n_pes: int, n_banks: int, window: int, shape: tuple[int, int]) -> None:
    """Many PEs a bank and long windows, so that every bank has a gather in every cycle.

    With few of them queues in order and windows that do not overlap bind too
    (tests/hw/test_hw_gather.py).
    """
    values = {"pe_array.n_pes": n_pes, "scratchpad.n_banks": n_banks, "pe_array.window": window}
    deep = {"streams.prefetch": "256 KiB"}
    own = run("csr_edge", FAST | deep | values | {"pe_array.shared_reads": False}, *shape)
    check(own, "operand banks")
    shared = run("csr_edge", FAST | deep | values | {"pe_array.shared_reads": True}, *shape)
    bound = shared.bound_cycles["operand banks"]
    assert bound < 0.7 * own.bound_cycles["operand banks"]
    assert bound <= shared.n_cycles < 0.9 * own.n_cycles


# More of a thing never hurts by more than 1 %.

EDGE = ("f2f_edge", "f2f_skip_edge", "csr_edge", "bitmap_edge", "nm_edge", "dense_edge")
SHAPES = st.tuples(st.integers(8, 300), st.integers(8, 300), st.sampled_from([1, 3, 16]))
SPARSITY = st.sampled_from([0.0, 0.5, 0.8, 0.95])
#: Of the edge machines: prefetch of a stream, and LPDDR4-3200 on 32 bits at 800 MHz.
PREFETCH_BYTES, EDGE_BYTES_PER_CYCLE = 4096, 16


def not_slower(
    arch: str,
    little: dict,
    much: dict,
    shape: tuple,
    sparsity: float,
    read_ahead_bytes: int = 0,
    schedule: str = "predicted",
) -> None:
    """A burst of each stream may fall another way: a few hundred cycles of the start are free.

    Without refresh: an end that falls behind the next one instead of before it waits 224 cycles.
    """
    still = {"memory.refresh": False, "schedule": schedule}
    first = run(arch, still | little, *shape, sparsity=sparsity)
    after = run(arch, still | much, *shape, sparsity=sparsity).n_cycles
    # What other streams may read further ahead comes before weights that are needed sooner.
    sizes = [s.payload_bits // 8 for s in first.streams if s.name != "weights" and not s.is_write]
    ahead = sum(min(size, read_ahead_bytes) - min(size, PREFETCH_BYTES) for size in sizes)
    free = 100 + (ahead / EDGE_BYTES_PER_CYCLE if read_ahead_bytes else 0)
    assert after <= 1.01 * first.n_cycles + free, (arch, first.n_cycles, after, ahead)


@settings(max_examples=12, deadline=None)
@given(arch=st.sampled_from(EDGE), shape=SHAPES, sparsity=SPARSITY)
def test_deeper_fifos(arch: str, shape: tuple, sparsity: float) -> None:
    not_slower(arch, {"front_end.fifo_units": 1}, {"front_end.fifo_units": 16}, shape, sparsity)


@settings(max_examples=8, deadline=None)
@given(arch=st.sampled_from(EDGE), shape=SHAPES, sparsity=SPARSITY)
def test_more_bandwidth(arch: str, shape: tuple, sparsity: float) -> None:
    slow = {"memory.preset": "ddr4_2400"}
    not_slower(arch, slow, {"memory.preset": "ddr4_3200"}, shape, sparsity)


@settings(max_examples=8, deadline=None)
@given(arch=st.sampled_from(EDGE), shape=SHAPES, sparsity=SPARSITY)
def test_deeper_prefetch(arch: str, shape: tuple, sparsity: float) -> None:
    """All streams share the memory equally, so that a mask with a deep buffer delays the weights."""
    not_slower(arch, {}, {"streams.prefetch": "16 KiB"}, shape, sparsity, 16 << 10)


def test_a_deep_prefetch_lets_the_mask_read_far_ahead_of_the_weights() -> None:
    """The exception above: 300 x 289 weights, few pruned, whose mask of 10.8 kB fits a deep buffer.

    At an equal share it is read whole before a tenth of the weights; what the run loses is what the
    decoders wait for weights, and no more than the mask's bytes take.
    """
    still = {"memory.refresh": False, "schedule": "predicted"}
    shallow = run("f2f_edge", still, 300, 289, sparsity=0.02)
    deep = run("f2f_edge", still | {"streams.prefetch": "16 KiB"}, 300, 289, sparsity=0.02)
    waits = [
        next(c for c in layer.components if c.name == "xor decoder").stall_cycles["weights empty"]
        for layer in (shallow, deep)
    ]
    lost = deep.n_cycles - shallow.n_cycles
    assert 0 < lost == waits[1] - waits[0]
    assert lost <= (300 * 289 / 8 - PREFETCH_BYTES) / EDGE_BYTES_PER_CYCLE


@settings(max_examples=8, deadline=None)
@given(arch=st.sampled_from(EDGE), shape=SHAPES, sparsity=SPARSITY)
def test_more_channels(arch: str, shape: tuple, sparsity: float) -> None:
    """Of the best plan that each has: one predicted for 4 channels took 1.27 times the best's."""
    few = {"memory.n_channels": 2, "streams.prefetch": "16 KiB"}
    many = few | {"memory.n_channels": 4}
    not_slower(arch, few, many, shape, sparsity, schedule="exhaustive")


@settings(max_examples=8, deadline=None)
@given(shape=SHAPES, sparsity=SPARSITY, patch_rate=st.integers(1, 3))
def test_faster_patch_units(shape: tuple, sparsity: float, patch_rate: int) -> None:
    slow = {"front_end.outputs": "all", "front_end.patch_rate": patch_rate}
    not_slower("f2f_edge", slow, slow | {"front_end.patch_rate": patch_rate + 2}, shape, sparsity)


@settings(max_examples=6, deadline=None)
@given(shape=SHAPES, sparsity=SPARSITY, banks=st.sampled_from([4, 8, 16, 32]))
def test_more_activation_banks(shape: tuple, sparsity: float, banks: int) -> None:
    """Doubled banks split each bank's gathers in two: never more of them meet.

    Of the best plan that each has: a predicted one may suit one of them better.
    """
    few, many = {"scratchpad.n_banks": banks}, {"scratchpad.n_banks": 2 * banks}
    not_slower("csr_edge", few, many, shape, sparsity, schedule="exhaustive")


@settings(max_examples=8, deadline=None)
@given(shape=SHAPES, sparsity=SPARSITY, groups=st.sampled_from([1, 2, 4]))
def test_more_decoders(shape: tuple, sparsity: float, groups: int) -> None:
    """Twice the decoder groups on lanes that take all their outputs at once."""
    wide = {"pe_array.weights_per_cycle": 1024, "front_end.mask_rate": 4}
    few = wide | {"front_end.groups": groups}
    not_slower("f2f_edge", few, few | {"front_end.groups": 2 * groups}, shape, sparsity)


def test_decoders_that_do_not_divide_the_lanes() -> None:
    """3 groups of 80 weights are 240, 4 are 320: 256 lanes get full groups from either."""
    three = run("f2f_edge", {"front_end.groups": 3}, 240, 400, 64)
    four = run("f2f_edge", {"front_end.groups": 4}, 240, 400, 64)
    assert three.bound_cycles["array steps"] == four.bound_cycles["array steps"]
    assert four.n_cycles <= 1.01 * three.n_cycles
