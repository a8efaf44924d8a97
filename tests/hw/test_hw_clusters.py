"""Clusters (HiSparse): both shuffles held against a second telling, and what is known of them."""

from __future__ import annotations

import sys
from collections import deque
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_hw_kinds import job_of

import f2fsim
from f2fsim.codec import WEIGHT_TYPES, PrunedTensor
from f2fsim.codec.cpsr import CpsrFormat
from f2fsim.config.arch import load_arch
from f2fsim.config.pe_array import ClusterArray
from f2fsim.errors import InputError
from f2fsim.hw.arrays.clusters.shuffle import band_runs, sync_cycles
from f2fsim.hw.dram import dram_params
from f2fsim.pipeline.layer import prepare_layer, run_layer

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def array_of(n_clusters: int, n_lanes: int, **keys: int) -> ClusterArray:
    return ClusterArray(kind="clusters", n_clusters=n_clusters, n_lanes=n_lanes, **keys)


def tensor_of(mask: np.ndarray) -> PrunedTensor:
    return PrunedTensor("t", mask.astype(np.uint8), mask.astype(np.bool_), WEIGHT_TYPES["int8"])


def runs_of(array: ClusterArray, mask: np.ndarray, part_columns: int, window: int = 1):
    form = CpsrFormat(array.n_clusters, array.n_lanes, part_columns)
    tensor = tensor_of(mask)
    return band_runs(array, tensor, form.encode(tensor), window).clusters


def streams_of(array: ClusterArray, mask: np.ndarray, cluster: int, columns: slice):
    """Return each PE's elements of a part: (column, row of the PE), None for a marker."""
    lanes = []
    for lane in range(array.n_lanes):
        mine = mask[cluster * array.n_lanes + lane :: array.n_clusters * array.n_lanes]
        own: list[tuple[int, int] | None] = []
        for row, kept in enumerate(mine[:, columns]):
            own += [(int(column), row) for column in np.flatnonzero(kept)]
            if kept.any() or row == 0:
                own.append(None)
        lanes.append(own or [None])
    n = max(map(len, lanes))
    return [lane + [None] * (n - len(lane)) for lane in lanes]


class Shuffle:
    """A ring of turns: what was not granted asks again when its turn comes round."""

    def __init__(self, sources: list[deque], sinks: list[deque], target, turns: int, depth: int):
        self.sources, self.sinks, self.target, self.depth = sources, sinks, target, depth
        self.turns = [[None] * len(sources) for _ in range(turns)]
        self.cycle = 0

    def step(self) -> None:
        if any(len(sink) == self.depth for sink in self.sinks):
            return
        asking = self.turns[self.cycle % len(self.turns)]
        for i, source in enumerate(self.sources):
            if asking[i] is None and source:
                asking[i] = source.popleft()
        granted: set[int] = set()
        for i in range(len(self.sources)):
            lane = (self.cycle + i) % len(self.sources)
            if asking[lane] is not None and self.target(asking[lane]) not in granted:
                granted.add(self.target(asking[lane]))
                self.sinks[self.target(asking[lane])].append(asking[lane])
                asking[lane] = None
        self.cycle += 1


def told_again(array: ClusterArray, lanes: list[list]) -> list[int]:
    """Return the cycle in which each packet is in the queues, and that of the last sum."""
    n, depth = array.n_lanes, array.fifo_depth
    streams, asked, answers, sums = ([deque() for _ in range(n)] for _ in range(4))
    first = Shuffle(streams, asked, lambda e: e[1] % n, array.arbiter_cycles, depth)
    second = Shuffle(answers, sums, lambda e: e[0], array.arbiter_cycles, depth)
    last = [(-1, 0)] * n
    left = sum(one is not None for lane in lanes for one in lane)
    taken: list[int] = []
    cycle = 0
    while left or len(taken) < len(lanes[0]):
        for lane in range(n):
            row, free = last[lane]
            if sums[lane] and (sums[lane][0][2] != row or cycle >= free):
                last[lane] = (sums[lane].popleft()[2], cycle + array.accumulate_cycles)
                left -= 1
        second.step()
        for bank in range(n):
            if asked[bank] and len(answers[bank]) < depth:
                answers[bank].append(asked[bank].popleft())
        first.step()
        if len(taken) < len(lanes[0]):
            packet = [lane[len(taken)] for lane in lanes]
            if all(e is None or len(q) < depth for e, q in zip(packet, streams, strict=True)):
                for lane, entry in enumerate(packet):
                    if entry is not None:
                        streams[lane].append((lane, *entry))
                taken.append(cycle + 1)
        cycle += 1
    return [*taken[:-1], cycle + sync_cycles(array)]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    shape=st.tuples(st.integers(1, 30), st.integers(1, 40)),
    density=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    sizes=st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(3, 40)),
    keys=st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 4)),
)
def test_cycles_are_those_of_a_second_telling(seed, shape, density, sizes, keys) -> None:
    mask = np.random.default_rng(seed).random(shape) < density
    names = ("fifo_depth", "arbiter_cycles", "accumulate_cycles")
    array = array_of(*sizes[:2], **dict(zip(names, keys, strict=True)))
    for cluster, run in enumerate(runs_of(array, mask, sizes[2])):
        told: list[int] = []
        for part in range(run.part_items.shape[0]):
            columns = slice(part * sizes[2], (part + 1) * sizes[2])
            ends = told_again(array, streams_of(array, mask, cluster, columns))
            told += np.diff(ends, prepend=0).tolist()
        assert run.service.tolist() == told


def test_a_packet_a_cycle_without_conflicts() -> None:
    """Lanes whose columns lie in banks of their own: all packets, and what is under way behind."""
    mask = np.zeros((4, 400), dtype=np.bool_)
    for lane in range(4):
        mask[lane, lane::4] = True
    (run,) = runs_of(array_of(1, 4), mask, 400, window=1000)
    assert run.n_packets == 101
    # First shuffle, bank, second shuffle, PE behind the packet of the last entry, a cycle each; the
    # markers' packet comes in meanwhile.
    assert run.service.tolist() == [100 + 4 + 4 * 8]


@pytest.mark.parametrize(("n_lanes", "share"), [(2, 0.75), (4, 0.6553), (8, 0.6184)])
def test_random_banks_give_what_head_of_line_blocking_leaves(n_lanes: int, share: float) -> None:
    """Karol, Hluchyj, Morgan, IEEE Trans. Communications 35(12), 1987, table I: saturated inputs."""
    rng = np.random.default_rng(2)
    mask = rng.random((n_lanes, 60_000)) < 0.25
    (run,) = runs_of(array_of(1, n_lanes), mask, 60_000, window=1 << 20)
    assert mask.sum() / run.service.sum() / n_lanes == pytest.approx(share, rel=0.02)


def test_sums_that_are_not_forwarded_hold_up_their_row() -> None:
    mask = np.ones((1, 200), dtype=np.bool_)
    fast, slow = (
        int(runs_of(array_of(1, 1, accumulate_cycles=n), mask, 200, 1 << 20)[0].service.sum())
        for n in (1, 5)
    )
    assert slow - fast == 199 * 4


def test_streams_lie_in_channels_of_their_own() -> None:
    arch = load_arch("hisparse")
    built, _ = prepare_layer(job_of(arch))
    dram = dram_params(arch.dram())
    assert dram.n_regions == 32
    assert dram.peak_bytes_per_second == pytest.approx(460.8e9)
    size = dram.capacity_bytes // 32
    places = {one.name: set((one.addresses // size).tolist()) for one in built.machine.engines}
    assert places == {
        **{f"channel {c}": {c} for c in range(16)},
        "activations": {16}, "scales": {16}, "outputs": {17},
    }  # fmt: skip
    assert dram_params(load_arch("csr_server").dram()).n_regions == 1


def test_vectors_come_one_after_another() -> None:
    """Nothing of a vector begins before the results of the one before are out."""
    job = job_of(load_arch("hisparse"))
    four = run_layer(job)
    layer = job.data.layer.model_copy(update={"n_tokens": 1})
    one = run_layer(replace(job, data=replace(job.data, layer=layer)))
    assert 3.5 * one.n_cycles < four.n_cycles < 4 * one.n_cycles + 200


def test_a_network_runs_with_all_maps_in_memory() -> None:
    """Vector buffers have no room for maps; every channel stays with its cluster."""
    some = ["conv2", "conv3", "conv4"]
    found = {
        engine: f2fsim.simulate(
            "hisparse", "silero_vad", sparsity=0.8, layers=some, cache=None, engine=engine
        )
        for engine in ("compiled", "event")
    }
    assert found["compiled"].network == found["event"].network
    assert found["compiled"].n_cycles > 0
    with pytest.raises(InputError, match="residency: clusters keep no tensors on the chip"):
        f2fsim.simulate("hisparse", "silero_vad", residency=["conv3"], cache=None)


@pytest.mark.slow
def test_within_twelve_percent_of_the_board() -> None:
    """Slope within 10 % without a constant; each point within 12 % after the call's, on two."""
    sys.path.insert(0, str(BENCHMARKS))
    from published_hisparse import HISPARSE, model_us, slope

    points = list(HISPARSE.values())
    times = [model_us(point, [1])[0] for point in points]
    measured = [point.measured_us for point in points]
    assert slope(points, times) == pytest.approx(slope(points, measured), rel=0.10)
    call = np.mean([measured[i] - times[i] for i in (0, -1)])
    for time_us, point in zip(times, points, strict=True):
        assert time_us + call == pytest.approx(point.measured_us, rel=0.12)
