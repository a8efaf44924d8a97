"""What a cycle means: whole logs of tiny machines, and channels against their closed form."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from f2fsim.engine.compiled import run_compiled
from f2fsim.engine.event import run_event
from f2fsim.errors import DeadlockError, SimulationError
from f2fsim.hw.description import Channel, Component, InPort, Machine, OutPort, seq

GHZ = 10**9


@dataclass
class Log:
    """Writes down every interval."""

    lines: list[tuple[str, str, int, int]] = field(default_factory=list)

    def begin(self, machine: Machine, dram: object, ticks_per_second: int) -> None:
        del machine, dram, ticks_per_second

    def busy(self, part: str, start: int, end: int) -> None:
        self.lines.append((part, "busy", start, end))

    def stall(self, part: str, cause: str, start: int, end: int) -> None:
        self.lines.append((part, cause, start, end))

    def occupancy(self, channel: str, time: int, units: int) -> None:
        del channel, time, units

    def commands(self, log: object, dram: object, ticks_per_clock: int, end: int) -> None:
        raise AssertionError("these machines have no memory")

    def finish(self, end: int) -> None:
        assert all(line[3] <= end for line in self.lines)


def chain(
    produce: int,
    consume: int,
    n: int,
    capacity: int,
    latency: int,
    clocks: tuple[int, int] = (GHZ, GHZ),
) -> Machine:
    one = seq(1)
    source = Component(
        "source", "source", clocks[0], n, seq(produce), (), (OutPort("c", one, "c full"),)
    )
    sink = Component("sink", "sink", clocks[1], n, seq(consume), (InPort("c", one, "c empty"),))
    return Machine((source, sink), (Channel("c", capacity, latency),))


def test_whole_log_of_a_slow_consumer() -> None:
    """Two places, one cycle of latency: the source stalls for room from its fourth item on."""
    log = Log()
    outcome = run_event(chain(1, 3, 4, capacity=2, latency=1), observer=log)
    assert sorted(log.lines, key=lambda line: (line[0], line[2])) == [
        ("sink", "c empty", 0, 2),
        ("sink", "busy", 2, 5),
        ("sink", "busy", 5, 8),
        ("sink", "busy", 8, 11),
        ("sink", "busy", 11, 14),
        ("source", "busy", 0, 1),
        ("source", "busy", 1, 2),
        ("source", "busy", 2, 3),
        ("source", "busy", 3, 4),
        ("source", "c full", 4, 5),
    ]
    assert outcome.n_ticks == 14
    assert outcome == run_compiled(chain(1, 3, 4, capacity=2, latency=1))


def test_clock_domains_meet_on_edges() -> None:
    """600 MHz source, 800 MHz sink: 12 ticks make 5 ns; waits end on the waiter's own edge."""
    log = Log()
    machine = chain(1, 1, 3, capacity=4, latency=1, clocks=(600_000_000, 800_000_000))
    outcome = run_event(machine, observer=log)
    assert outcome.ticks_per_second == 2_400_000_000  # periods of 4 and 3 ticks
    assert [line for line in log.lines if line[0] == "sink"] == [
        ("sink", "c empty", 0, 9),  # put at 4, visible at 8, next edge 9
        ("sink", "busy", 9, 12),
        ("sink", "busy", 12, 15),  # visible at 12
        ("sink", "c empty", 15, 18),  # visible at 16
        ("sink", "busy", 18, 21),
    ]
    assert outcome == run_compiled(machine)


@pytest.mark.parametrize("service", [1, 2, 5])
@pytest.mark.parametrize("capacity", [1, 2, 3, 8])
@pytest.mark.parametrize("latency", [1, 4, 9])
def test_a_channel_reaches_its_closed_form(service: int, capacity: int, latency: int) -> None:
    """Steady state of a channel: one item every max(service, (latency + …)/capacity) cycles.

    A place is held from the put to the start of the sink's service, latency cycles later.
    """
    n = 400
    machine = chain(service, 1, n, capacity, latency)
    cycles = run_compiled(machine).n_ticks
    expected = max(service, latency / capacity, 1)
    assert abs(cycles - n * expected) <= 2 * (latency + service) + capacity
    assert run_event(machine).n_ticks == cycles


def test_end_release_makes_single_buffering_serial() -> None:
    """A tile held to the end of its use: load 4, use 6, one place: 10 cycles each, two: 6."""
    for places, each in ((1, 11), (2, 6)):
        loader = Component("load", "l", GHZ, 50, seq(4), (), (OutPort("t", seq(1), "t full"),))
        port = InPort("t", seq(1), "t empty", release_at_end=True)
        user = Component("use", "u", GHZ, 50, seq(6), (port,))
        # The loader fills while it waits for room: its service comes before the wait.
        machine = Machine((loader, user), (Channel("t", places, 1),))
        cycles = run_compiled(machine).n_ticks
        assert run_event(machine).n_ticks == cycles
        per_item = 7 if places == 1 else each
        assert abs(cycles - 50 * per_item) <= 12


def test_a_deadlock_names_who_waits_on_what() -> None:
    one = seq(1)
    a = Component(
        "a", "x", GHZ, 2, one, (InPort("ba", one, "ba empty"),), (OutPort("ab", one, "ab full"),)
    )
    b = Component(
        "b", "x", GHZ, 2, one, (InPort("ab", one, "ab empty"),), (OutPort("ba", one, "ba full"),)
    )
    machine = Machine((a, b), (Channel("ab", 2), Channel("ba", 2)))
    for run in (run_event, run_compiled):
        with pytest.raises(DeadlockError) as caught:
            run(machine)
        assert str(caught.value).splitlines()[1:] == [
            "  a: ba empty (channel ba, at whose other end is b)",
            "  b: ab empty (channel ab, at whose other end is a)",
        ]


def test_a_deadlock_behind_a_fork() -> None:
    """b waits for all four of a before c may take the second of its own: a has no room for it."""
    one = seq(1)
    a = Component("a", "x", GHZ, 4, one, (), (OutPort("x", one, "x f"), OutPort("y", one, "y f")))
    b = Component("b", "x", GHZ, 1, one, (InPort("x", seq(4), "x e"),), (OutPort("w", one, "w f"),))
    first = seq([1, 0, 0, 0])
    c = Component("c", "x", GHZ, 4, one, (InPort("w", first, "w e"), InPort("y", one, "y e")))
    done = Component("done", "x", GHZ, 3, seq(5))
    machine = Machine((a, b, c, done), (Channel("x", 4), Channel("y", 1), Channel("w", 1)))
    told = set()
    for run in (run_event, run_compiled):
        with pytest.raises(DeadlockError) as caught:
            run(machine)
        told.add(str(caught.value))
    assert told == {
        "the machine is deadlocked:\n"
        "  a: y f (channel y, at whose other end is c)\n"
        "  b: x e (channel x, at whose other end is a)\n"
        "  c: w e (channel w, at whose other end is b)"
    }


def test_places_that_are_never_given_back_are_a_deadlock() -> None:
    source = Component("a", "x", GHZ, 4, seq(1), (), (OutPort("c", seq(1), "full"),))
    port = InPort("c", seq(2), "empty", release=seq([0, 1]))
    machine = Machine((source, Component("b", "x", GHZ, 2, seq(1), (port,))), (Channel("c", 2),))
    for run in (run_event, run_compiled):
        with pytest.raises(DeadlockError, match=r"a: full \(channel c, .* b\)\n  b: empty"):
            run(machine)


@pytest.mark.parametrize("service", [2**62, [2**60, 2**60, 2**60, 2**60]])
def test_times_that_cannot_be_counted_are_refused(service: int | list[int]) -> None:
    machine = Machine((Component("long", "x", GHZ, 4, seq(service), (), ()),), ())
    for run in (run_event, run_compiled):
        with pytest.raises(SimulationError, match=r"component long: .* cycles at 1000000000 Hz"):
            run(machine)
    at_most = Machine((Component("long", "x", GHZ, 4, seq(2**59), (), ()),), ())
    assert run_event(at_most).n_ticks == run_compiled(at_most).n_ticks == 2**61


def test_runs_of_one_machine_are_the_same() -> None:
    machine = chain(3, 2, 200, 4, 2)
    outcomes = [run(machine) for run in (run_compiled, run_event, run_compiled, run_event)]
    assert all(outcome == outcomes[0] for outcome in outcomes)


def test_every_wiring_problem_is_told_in_one_error() -> None:
    one = seq(1)
    c = Component(
        "c", "x", 0, 3, seq([1, 2]), (InPort("in", one, "e"), InPort("nowhere", one, "e")),
        (OutPort("in", seq([5, 0, 0]), "f"),),
    )  # fmt: skip
    with pytest.raises(SimulationError) as caught:
        Machine((c,), (Channel("in", 2, 0), Channel("open", 1)))
    text = str(caught.value)
    for part in (
        "channel in: capacity and latency",
        "component c: items and clock",
        "component c.service_cycles: needs 1 or 3 int64",
        "channel nowhere: is used by a port but does not exist",
        "channel open: needs one producer and one consumer",
        "channel in: c puts 5 units, c takes 3",
        "holds 2 units, an item of c or c needs 5",
    ):
        assert part in text


def test_an_empty_machine_and_empty_components_end_at_once() -> None:
    idle = Component("idle", "x", GHZ, 0, seq(np.zeros(0)), (), ())
    machine = Machine((idle,), ())
    assert run_event(machine) == run_compiled(machine)
    assert run_event(machine).n_ticks == 0
