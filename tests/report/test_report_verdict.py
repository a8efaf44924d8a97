"""The words over many cases: who wins where and why, crossovers, and the brief report."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path

import pytest
from sample_results import comparison, result

from f2fsim.report import build_report, make_report, read_inputs
from f2fsim.report.cases import make_cases
from f2fsim.report.crossing import crossings
from f2fsim.report.value import Number, plain
from f2fsim.report.verdict import reason, verdicts
from f2fsim.results import SimResult
from f2fsim.results.files import write_results

BATCHES = (1, 4, 16)


def with_array(one: SimResult, busy: float, causes: dict[str, float]) -> SimResult:
    """Return a result whose PE array spends these shares of its cycles."""
    layers = []
    for layer in one.layers:
        (array,) = layer.components
        n = array.total_cycles
        stalls = {cause: int(share * n) for cause, share in causes.items()}
        idle = n - int(busy * n) - sum(stalls.values())
        part = replace(array, busy_cycles=int(busy * n), stall_cycles=stalls, idle_cycles=idle)
        layers.append(replace(layer, components=(part,)))
    return replace(one, layers=tuple(layers))


def with_bytes(one: SimResult, bandwidth: float) -> SimResult:
    """Return a result that moves this share of what its memory could."""
    layers = []
    for layer in one.layers:
        n = int(bandwidth * layer.memory.peak_bytes_per_second * layer.seconds / layer.repeat) // 64
        out = replace(layer.streams[-1], n_bursts=n, payload_bits=512 * n)
        layers.append(replace(layer, streams=(out,)))
    return replace(one, layers=tuple(layers))


def why(slow: SimResult, fast: SimResult) -> tuple[str, float]:
    (case,) = make_cases([[slow, fast]])
    found = reason(*case.runs)
    return found.words.partition(":")[0], found.figure


def test_zeros_that_take_slots() -> None:
    slow = with_array(result("a", "f2f", 2.0), 0.9, {})
    assert why(slow, result("b", "bitmap", 1.0)) == ("zero MACs", pytest.approx(10))


def test_slots_that_stay_empty() -> None:
    slow = with_array(result("a", "csr", 2.0), 0.9, {})
    assert why(slow, result("b", "f2f", 1.0)) == ("filling", pytest.approx(slow.pe_utilisation))


def test_a_larger_array() -> None:
    slow, fast = with_array(result("a", "csr", 2.0), 0.9, {}), result("b", "bitmap", 1.0)
    larger = tuple(replace(layer, n_multipliers=1024) for layer in fast.layers)
    assert why(slow, replace(fast, layers=larger)) == ("size", pytest.approx(4))


def test_bytes_of_a_bound_memory() -> None:
    slow, fast = (with_bytes(result(n, "dense", s), 0.9) for n, s in (("a", 2.0), ("b", 1.0)))
    words, figure = why(slow, fast)
    assert words == "bytes"
    assert figure == pytest.approx(slow.n_bytes / fast.n_bytes)


def test_the_mask_where_the_memory_is_bound() -> None:
    """The bitmap's mask is 10,000 of 18,000 bits; CSR has none."""
    slow, fast = with_bytes(result("a", "bitmap", 2.0), 0.9), result("b", "csr", 1.0)
    assert why(slow, fast) == ("mask bits", pytest.approx(10 / 18))


def test_as_many_bytes() -> None:
    slow = with_bytes(result("a", "bitmap", 1.0), 0.9)
    words, figure = why(slow, replace(slow, arch="b"))
    assert "as many bytes" in words
    assert figure == pytest.approx(0.9, rel=0.01)


@pytest.mark.parametrize(
    ("cause", "word"),
    [("patch unit empty", "patches"), ("mask unit empty", "the array of a waits most for mask")],
)
def test_an_array_that_waits(cause: str, word: str) -> None:
    slow = with_array(result("a", "f2f", 2.0), 0.2, {cause: 0.6, "activations not loaded": 0.2})
    words, figure = why(slow, result("b", "bitmap", 1.0))
    assert words.startswith(word)
    assert figure == pytest.approx(0.75, rel=0.01)


def test_wins_and_losses_are_counted() -> None:
    """Against every machine: cases, least and greatest ratio are those of the results' times."""
    files = [comparison(batch) for batch in BATCHES]
    (found,) = verdicts(make_cases(files))
    told: dict[tuple[str, str], int] = {}
    for point in found.points:
        name, word = re.match(r"f2f_edge (wins|loses) against (\w+)", plain(point)).groups()[::-1]
        numbers = [part for part in point if isinstance(part, Number)]
        ratios = [
            next(one.seconds for one in file if one.arch == name) / file[0].seconds
            for file in files
        ]
        sides = [r if word == "wins" else 1 / r for r in ratios if (r > 1) == (word == "wins")]
        told[name, word] = len(sides)
        assert numbers[0].value == len(sides)
        assert numbers[1].value == pytest.approx(min(sides))
        if len(sides) > 1:
            assert numbers[2].value == pytest.approx(max(sides))
    for name in ("csr_edge", "bitmap_edge", "nm_edge", "dense_edge"):
        assert told.get((name, "wins"), 0) + told.get((name, "loses"), 0) == len(BATCHES)
    assert told["bitmap_edge", "wins"] == 2


def test_a_pair_of_f2f_machines_is_told_once() -> None:
    def three(batch: int) -> list[SimResult]:
        extra = result("f2f_skip", "f2f", 0.5, batch=batch)
        return [
            result("f2f_edge", "f2f", 1.0, batch=batch),
            extra,
            result("b", "bitmap", 2.0, batch=batch),
        ]

    first, second = verdicts(make_cases([three(1), three(8)]))
    assert sum("f2f_skip" in plain(point) for point in first.points) == 1
    assert not any("f2f_edge" in plain(point) for point in second.points)


def test_where_two_machines_cross() -> None:
    cases = make_cases([comparison(batch) for batch in BATCHES])
    words = {
        plain(point).split()[4]: plain(point) for point in crossings(cases, "batch", "f2f_edge")
    }
    assert words["bitmap_edge"] == (
        "f2f_edge is faster than bitmap_edge at batch 1 and 4, and not at batch 16: they cross "
        "between batch 4 and 16."
    )
    assert words["dense_edge"].endswith("at every batch here (batch 1, 4 and 16).")


def test_a_brief_report_is_small_and_has_all_cases(tmp_path: Path) -> None:
    for batch in BATCHES:
        write_results(tmp_path / f"b{batch}", comparison(batch))
    folders = [str(tmp_path / f"b{batch}") for batch in BATCHES]
    page = make_report(folders, tmp_path / "out", brief=True)
    assert page == tmp_path / "out" / "report.md"
    names = {
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")
    }
    assert not any(name.endswith((".html", ".png")) for name in names)
    with (tmp_path / "out" / "tables" / "cases.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    wanted = [(str(b), one.arch, one.seconds) for b in BATCHES for one in comparison(b)]
    assert [(row["batch"], row["machine"]) for row in rows] == [one[:2] for one in wanted]
    for row, (_, _, seconds) in zip(rows, wanted, strict=True):
        assert float(row["time_us"]) == pytest.approx(seconds * 1e6)
        assert float(row["S"]) == 0.9
    report = build_report(read_inputs([Path(folder) for folder in folders]), brief=True)
    assert not [table for table in report.tables() if "layers" in table.name]
    text = (tmp_path / "out" / "report.md").read_text()
    assert all(
        plain(point).replace("_", "\\_") in text for one in report.answer for point in one.points
    )
