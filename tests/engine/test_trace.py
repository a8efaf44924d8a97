"""Traces: valid trace-event JSON whose slices add up to the counters exactly."""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from random_machines import random_machine

from f2fsim.config.dram_preset import load_dram
from f2fsim.engine import Outcome, run
from f2fsim.engine.event import run_event
from f2fsim.engine.trace import Trace, TraceOptions
from f2fsim.errors import InputError
from f2fsim.hw.dram import dram_params

DRAM = dram_params(load_dram("ddr4_2400"))


def traced(
    path: Path, seeds: list[int], options: TraceOptions | None = None
) -> tuple[dict[str, Any], list[Outcome]]:
    outcomes = []
    with Trace(path, options) as trace:
        for seed in seeds:
            machine = random_machine(seed, DRAM.burst_bytes)
            outcomes.append(run(machine, DRAM, "compiled", trace.observer(f"layer {seed}")))
    return json.loads(path.read_text()), outcomes


def slices(data: dict[str, Any]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Return slices by process and track name."""
    names: dict[tuple[int, int | None], str] = {}
    for event in data["traceEvents"]:
        if event["ph"] == "M" and event["name"] in ("process_name", "thread_name"):
            thread = event["tid"] if event["name"] == "thread_name" else None
            names[event["pid"], thread] = event["args"]["name"]
    found = defaultdict(list)
    for event in data["traceEvents"]:
        if event["ph"] == "X":
            found[names[event["pid"], None], names[event["pid"], event["tid"]]].append(event)
    return found


@pytest.mark.parametrize("seed", range(6))
def test_slices_add_up_to_the_counters(tmp_path: Path, seed: int) -> None:
    data, (outcome,) = traced(tmp_path / "t.json", [seed])
    found = slices(data)
    for part in outcome.components:
        counters = {"busy": part.busy_cycles}
        counters |= {f"stall: {cause}": n for cause, n in part.stall_cycles.items()}
        sums: dict[str, int] = defaultdict(int)
        micros: dict[str, float] = defaultdict(float)
        for event in found[f"layer {seed}", part.name]:
            sums[event["name"]] += event["args"]["cycles"]
            micros[event["name"]] += event["dur"]
        assert dict(sums) == {name: n for name, n in counters.items() if n}
        for name, duration in micros.items():
            assert duration * part.clock_hz / 1e6 == pytest.approx(counters[name], abs=1e-3)
    assert outcome.memory is not None
    bus = [e for (_, track), some in found.items() if "data bus" in track for e in some]
    assert sum(event["args"]["cycles"] for event in bus) == outcome.memory.busy_cycles


def test_slices_of_a_track_do_not_overlap(tmp_path: Path) -> None:
    data, _ = traced(tmp_path / "t.json", [3, 4])
    for (_, track), events in slices(data).items():
        events.sort(key=lambda event: event["ts"])
        for one, two in itertools.pairwise(events):
            assert one["ts"] + one["dur"] <= two["ts"] + 1e-6, track


def test_every_event_has_what_the_format_wants(tmp_path: Path) -> None:
    data, _ = traced(tmp_path / "t.json", [1, 2])
    assert {event["ph"] for event in data["traceEvents"]} == {"X", "C", "M"}
    for event in data["traceEvents"]:
        assert isinstance(event["pid"], int)
        assert isinstance(event["name"], str)
        if event["ph"] == "X":
            assert event["dur"] > 0
            assert event["ts"] >= 0
        if event["ph"] == "C":
            assert all(isinstance(value, int | float) for value in event["args"].values())
    names = {event["name"] for event in data["traceEvents"] if event["ph"] == "C"}
    assert "bandwidth [GB/s]" in names
    assert any(name.endswith("filling") for name in names)


def test_layers_follow_one_another(tmp_path: Path) -> None:
    data, outcomes = traced(tmp_path / "t.json", [1, 2])
    second = [e["ts"] for (layer, _), some in slices(data).items() if "2" in layer for e in some]
    assert min(second) >= outcomes[0].n_ticks / outcomes[0].ticks_per_second * 1e6 - 1e-6


def test_the_observed_run_is_the_unobserved_one(tmp_path: Path) -> None:
    _, (outcome,) = traced(tmp_path / "t.json", [5])
    machine = random_machine(5, DRAM.burst_bytes)
    assert outcome == run_event(machine, DRAM) == run(machine, DRAM, "compiled")


def test_a_window_keeps_what_is_inside(tmp_path: Path) -> None:
    whole, (outcome,) = traced(tmp_path / "a.json", [3])
    cycle = 1e6 / max(part.clock_hz for part in outcome.components)
    part_, _ = traced(tmp_path / "b.json", [3], TraceOptions(window=(50, 150)))
    assert len(part_["traceEvents"]) < len(whole["traceEvents"])
    events = [event for some in slices(part_).values() for event in some]
    assert events
    for event in events:
        assert event["ts"] >= 50 * cycle - 1e-6
        assert event["ts"] + event["dur"] <= 150 * cycle + 1e-6


def test_the_limit_of_events_is_kept_and_told(tmp_path: Path) -> None:
    data, _ = traced(tmp_path / "t.json", [3], TraceOptions(max_events=25))
    assert sum(event["ph"] != "M" for event in data["traceEvents"]) == 25
    assert data["otherData"]["truncated_at_us"] is not None


def test_only_chosen_layers(tmp_path: Path) -> None:
    options = TraceOptions(layers=("layer 2",))
    data, _ = traced(tmp_path / "t.json", [1, 2], options)
    assert {layer.partition(":")[0] for layer, _ in slices(data)} == {"layer 2"}


def test_a_failure_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), Trace(tmp_path / "t.json"):
        raise RuntimeError("in the middle")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("window", [(5, 5), (7, 3), (-1, 4)])
def test_bad_window(window: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="the end must come after the start"):
        TraceOptions(window=window)
