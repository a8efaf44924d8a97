"""The compiled engine and its simpy twin: one meaning; and an independent judge of both."""

from __future__ import annotations

import random
from collections.abc import Generator, Sequence
from typing import Any

import numpy as np
import pytest
import simpy
from dram_random import random_spec, random_trace
from dram_reference import PAGE_BYTES, STANDARDS, reference_spec
from dram_traces import TRACES, Trace, make_trace

from f2fsim.config.dram import DramSpec
from f2fsim.config.dram_preset import load_dram
from f2fsim.errors import SimulationError
from f2fsim.hw.dram import DramParams, DramProcess, DramSystem, dram_params, replay
from f2fsim.hw.dram.checker import check_commands


def run_process(
    params: DramParams,
    requests: Trace,
    streams: Sequence[int],
    *,
    ticks_per_clock: int = 1,
    one: bool = False,
) -> tuple[list[int], DramProcess]:
    """Offer a trace to the simpy twin; return the completion clocks."""
    env = simpy.Environment()
    memory = DramProcess(env, params, ticks_per_clock, max(streams) + 1, trace=True)
    done: list[int] = [-1] * len(requests)

    def offers() -> Generator[simpy.Event, Any, None]:
        events = []
        for i, (address, write, clock) in enumerate(requests.tolist()):
            wait = clock * ticks_per_clock - env.now
            if wait > 0:
                yield env.timeout(wait)
            event = memory.offer(streams[i], address, bool(write))
            event.callbacks.append(lambda e, i=i: done.__setitem__(i, e.value))
            events.append(event)
            if one:
                yield event
                yield env.timeout(ticks_per_clock)
        yield env.all_of(events)

    env.run(until=env.process(offers()))
    assert max(done) * ticks_per_clock <= env.now
    memory.finish(max(done))
    return done, memory


def assert_twins(
    spec: DramSpec,
    requests: Trace,
    streams: Sequence[int],
    *,
    ticks_per_clock: int = 1,
    one: bool = False,
) -> None:
    """Both engines: same completion clocks, same commands, same counters, all of them legal."""
    params = dram_params(spec)
    compiled = replay(
        params,
        requests[:, 0],
        requests[:, 1],
        requests[:, 2],
        streams=streams,
        max_outstanding=1 if one else None,
        trace=True,
    )
    done, twin = run_process(params, requests, streams, ticks_per_clock=ticks_per_clock, one=one)
    assert compiled.done_clocks.tolist() == done
    assert compiled.commands is not None
    assert [tuple(row) for row in compiled.commands.tolist()] == twin.command_trace()
    assert compiled.stats == twin.stats()
    assert check_commands(spec, compiled.commands.tolist()) == []
    stats = compiled.stats
    accounted = stats.busy_clocks + stats.idle_clocks + sum(stats.stall_clocks.values())
    assert accounted == stats.total_clocks
    n_columns = sum(stats.commands[name] for name in ("RD", "WR", "RDA", "WRA"))
    n_forwarded = sum(stream.n_forwarded for stream in stats.streams)
    assert n_columns + n_forwarded == len(requests)


@pytest.mark.parametrize("start", range(0, 1000, 100))
def test_random_memories_and_traces(start: int) -> None:
    """1 000 short traces over random valid timings, geometries and rules."""
    for seed in range(start, start + 100):
        rng = random.Random(seed)
        spec = random_spec(rng)
        requests, streams = random_trace(rng, spec, rng.randint(1, 40))
        try:
            assert_twins(spec, requests, streams, ticks_per_clock=rng.choice([1, 1, 3]))
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {spec.model_dump()}") from error


@pytest.mark.parametrize("refresh", [False, True])
@pytest.mark.parametrize("standard", STANDARDS)
@pytest.mark.parametrize("name", TRACES)
def test_reference_traces_shortened(standard: str, name: str, refresh: bool) -> None:
    requests = make_trace(name, 64, page_bytes=PAGE_BYTES[standard])[:300]
    spec = reference_spec(standard, refresh=refresh)
    assert_twins(spec, requests, [0] * len(requests), one=name.startswith("g_"))


def test_idle_rounds_of_refresh_are_passed_over_exactly() -> None:
    """A traced run does every refresh, an untraced one skips: same clocks, same counters."""
    for seed in range(100):
        rng = random.Random(seed)
        spec = random_spec(rng)
        requests, streams = random_trace(rng, spec, 12)
        requests[6:, 2] += rng.choice([5000, 20000, 77777])
        requests[9:, 2] += 12345
        for how in ({}, {"max_outstanding": 1}, {"in_order": True}):
            traced, skipped = (
                replay(dram_params(spec), *requests.T, streams=streams, trace=trace, **how)
                for trace in (True, False)
            )
            assert traced.done_clocks.tolist() == skipped.done_clocks.tolist(), seed
            assert traced.stats == skipped.stats, seed


def test_entry_in_order() -> None:
    """One entry a clock over all channels, never before that of an earlier request."""
    spec = load_dram("hbm2_stack")
    requests = make_trace("c_random", 64)[:3000]
    result = replay(dram_params(spec), *requests.T, in_order=True)
    assert (np.diff(result.enter_clocks) > 0).all()
    one = load_dram("ddr4_2400")
    # With one channel and one stream this is how requests enter anyhow.
    runs = [replay(dram_params(one), *requests.T, in_order=flag) for flag in (True, False)]
    assert runs[0].done_clocks.tolist() == runs[1].done_clocks.tolist()


@pytest.mark.slow
@pytest.mark.parametrize("refresh", [False, True])
@pytest.mark.parametrize("standard", STANDARDS)
@pytest.mark.parametrize("name", TRACES)
def test_reference_traces_whole(standard: str, name: str, refresh: bool) -> None:
    requests = make_trace(name, 64, page_bytes=PAGE_BYTES[standard])
    spec = reference_spec(standard, refresh=refresh)
    assert_twins(spec, requests, [0] * len(requests), one=name.startswith("g_"))


@pytest.mark.parametrize("name", TRACES)
def test_command_traces_are_legal(name: str) -> None:
    for standard in STANDARDS:
        spec = reference_spec(standard, refresh=True)
        requests = make_trace(name, 64, page_bytes=PAGE_BYTES[standard])[:4096]
        result = replay(
            dram_params(spec), requests[:, 0], requests[:, 1], requests[:, 2], trace=True
        )
        assert result.commands is not None
        assert check_commands(spec, result.commands.tolist()) == []


@pytest.mark.parametrize(
    "field",
    [
        *("act_rd", "act_wr", "act_act", "act_pre", "act_act_s", "act_act_l", "four_act"),
        *("pre_act", "rd_pre", "wr_pre", "rd_rd_s", "rd_rd_l", "rd_wr", "wr_rd_s", "wr_rd_l"),
        "ref_act",
    ],
)
def test_the_checker_sees_a_spacing_one_clock_short(field: str) -> None:
    """Each derived spacing, made one clock too short in the engine, is caught on some trace."""
    caught = []
    for standard in STANDARDS:
        spec = reference_spec(standard, refresh=True)
        # tRC binds only where it is longer than tRAS + tRP.
        longer = {"tRC": spec.timing.tRAS + spec.timing.tRP + 3}
        spec = spec.model_copy(update={"timing": spec.timing.model_copy(update=longer)})
        params = dram_params(spec)
        short = type(params)(**{**vars(params), field: getattr(params, field) - 1})
        for name in ("f_mixed", "c_random", "h_bankrr", "b_4streams_aligned"):
            requests = make_trace(name, 64)[:3000].copy()
            if name == "b_4streams_aligned":
                requests[:, 1] = 1
            result = replay(short, requests[:, 0], requests[:, 1], requests[:, 2], trace=True)
            assert result.commands is not None
            caught += check_commands(spec, result.commands.tolist())
    assert caught


def test_offers_in_answer_to_completions() -> None:
    """Embedding: a caller that offers one clock after each completion."""
    params = dram_params(reference_spec("ddr4", refresh=True))
    requests = make_trace("g_chase", 64)[:1000]
    system = DramSystem(params, 1)
    done = []
    clock = 0
    for i, address in enumerate(requests[:, 0].tolist()):
        system.offer_request(0, address, clock, False)
        ((stream, index, finished),) = system.advance_once()
        assert (stream, index) == (0, i)
        done.append(finished)
        clock = finished + 1
    assert system.advance_once() == []
    whole = replay(params, requests[:, 0], requests[:, 1], requests[:, 2], max_outstanding=1)
    assert done == whole.done_clocks.tolist()


def test_an_offer_into_the_past_is_refused() -> None:
    system = DramSystem(dram_params(reference_spec("ddr4", refresh=True)), 1)
    system.offer_request(0, 0, 10, False)
    assert system.advance_once() == [(0, 0, 10 + 39)]
    with pytest.raises(SimulationError, match="stream 0 at clock 20"):
        system.offer_request(0, 64, 20, False)


def test_streams_take_turns_and_are_counted_apart() -> None:
    params = dram_params(reference_spec("ddr4", refresh=False))
    n = 200
    addresses = np.concatenate([np.arange(n) * 64, 2**26 + np.arange(n) * 64])
    streams = np.repeat([0, 1], n)
    result = replay(params, addresses, np.zeros(2 * n), np.zeros(2 * n), streams=streams)
    assert [s.n_bursts for s in result.stats.streams] == [n, n]
    entered = sorted(zip(result.enter_clocks, streams, strict=True))
    assert [stream for _, stream in entered[:32]] == [0, 1] * 16
