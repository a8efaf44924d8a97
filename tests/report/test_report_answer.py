"""The answer: what it says follows from experiments and counts; crossovers; the brief report."""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from sample_results import comparison, result

from f2fsim.cli.verdict import table_lines
from f2fsim.report import build_report, make_report, read_inputs
from f2fsim.report.answer import answer
from f2fsim.report.cases import make_cases
from f2fsim.report.crossing import crossings
from f2fsim.report.value import Answer, Number, plain
from f2fsim.results import SimResult
from f2fsim.results.files import write_results

BATCHES = (1, 4, 16)
MEMORY = {"memory": 1.9, "PE rows": 1.0, "memory + PE rows": 1.92}
ARRAY = {"memory": 1.0, "PE rows": 1.8}
BOTH = {"decoders": 1.01, "PE rows": 1.0, "decoders + PE rows": 1.47}
NOTHING = {"memory": 1.01, "PE rows": 1.02}


def told(results: list[SimResult]) -> Answer:
    return answer(make_cases([results]), drawn=False)


def tried(one: SimResult, gains: dict[str, float]) -> SimResult:
    return replace(one, what_if=gains)


def numbers(found: Answer) -> dict[str, float]:
    return {p.source: p.value for one in found.headline for p in one if isinstance(p, Number)}


@pytest.mark.parametrize(
    ("gains", "words"),
    [
        (MEMORY, "tiny is bound by the memory of f2f_edge (twice is 1.9 × as fast)"),
        (ARRAY, "tiny is bound by the PE rows of f2f_edge (twice is 1.8 × as fast)"),
        (BOTH, "bound by the decoders and PE rows of f2f_edge (twice is 1.47 × as fast)"),
        (NOTHING, "no single resource of f2f_edge binds tiny (twice gives 1.02 ×)"),
    ],
)
def test_what_binds_is_quoted_from_experiments(gains: dict[str, float], words: str) -> None:
    first, *others = comparison()
    assert words in told([tried(first, gains), *others]).words


def test_without_experiments_no_cause_is_named() -> None:
    found = told(comparison())
    assert "bound" not in found.words
    assert "--what-if" in found.table.caption
    assert all(row["bound_by"] is None for row in found.table.rows)


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.01, 4.0])
def test_time_against_dense(scale: float) -> None:
    dense = result("dense_edge", "dense", 1.0)
    mine = result("f2f_edge", "f2f", 1.0)
    slower = replace(dense, layers=tuple(
        replace(layer, n_ticks=int(layer.n_ticks * scale)) for layer in dense.layers
    ))  # fmt: skip
    words = told([mine, slower]).words
    if scale == 0.5:
        assert "but takes 2 × the time of dense_edge" in words
    elif scale == 4.0:
        assert "is 4 × as fast as dense_edge" in words
    else:
        assert "and no time against dense_edge" in words


def test_the_fastest_and_by_how_much() -> None:
    first, csr, *_ = comparison()
    found = told([first, csr])
    ratio = csr.seconds / first.seconds
    assert numbers(found)["time of csr_edge / time of f2f_edge"] == pytest.approx(ratio)
    assert "f2f_edge is fastest" in found.words
    slow, fast = tried(csr, {}), result("bitmap_edge", "bitmap", 0.4)
    loses = told([tried(first, ARRAY), slow, fast])
    assert "Fastest is bitmap_edge (bitmap)" in loses.words
    slots = sum(layer.macs_issued * layer.repeat for layer in fast.layers) / sum(
        layer.macs_issued * layer.repeat for layer in first.layers
    )
    source = "multiplier slots of bitmap_edge / multiplier slots of f2f_edge"
    assert numbers(loses)[source] == pytest.approx(slots)


def test_the_best_f2f_machine_speaks() -> None:
    other = result("f2f_skip", "f2f", 0.5)
    found = told([*comparison(), other])
    assert "f2f_skip is fastest" in found.words


def test_a_baseline_that_was_asked_for() -> None:
    found = answer(make_cases([comparison()]), drawn=False, baseline="csr_edge")
    by_name = {row["machine"]: row["speedup"] for row in found.table.rows}
    csr = next(one for one in comparison() if one.arch == "csr_edge")
    for one in comparison():
        assert by_name[one.arch] == pytest.approx(csr.seconds / one.seconds)


def four_networks() -> list[list[SimResult]]:
    """Four networks on six machines, F2F winning on some."""
    files = []
    for i, (name, gains) in enumerate(
        (("cnn", ARRAY), ("vgg", ARRAY), ("lstm", MEMORY), ("bert", BOTH))
    ):
        runs = [*comparison(), result("f2f_skip", "f2f", 0.6 + i)]
        files.append([tried(replace(one, workload=name), gains) for one in runs])
    return files


def test_many_cases_in_forty_lines_and_no_pattern_thrice(tmp_path: Path) -> None:
    folders = []
    for results in four_networks():
        folders.append(tmp_path / results[0].workload)
        write_results(folders[-1], results)
    make_report([str(folder) for folder in folders], tmp_path / "out", drawings=False)
    lines = (tmp_path / "out" / "report.md").read_text().split("\n## ")[0].splitlines()
    assert len(lines) <= 40
    words = build_report(read_inputs(folders)).answer[0].words
    patterns = Counter(
        re.sub(r"[\d.]+|\b(cnn|vgg|lstm|bert|\w+_edge|f2f_skip)\b", "…", sentence)
        for sentence in re.split(r"(?<=[a-z)])\. ", words)
    )
    assert max(patterns.values()) <= 2


def test_rows_of_many_cases() -> None:
    cases = make_cases(four_networks())
    found = answer(cases)
    assert len(found.table.columns) <= 8
    for case, row in zip(cases, found.table.rows, strict=True):
        f2f = min(r.result.seconds for r in case.runs if r.result.format == "f2f")
        for name in ("csr", "bitmap", "nm", "dense"):
            other = min(r.result.seconds for r in case.runs if r.result.format == name)
            assert row[f"over_{name}"] == pytest.approx(other / f2f)


def test_the_terminal_keeps_to_its_width() -> None:
    first, *others = comparison()
    table = told([tried(first, BOTH), *(tried(one, MEMORY) for one in others)]).table
    lines = table_lines(table, 80)
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 2 + 2 * len(table.rows)
    assert "PE rows 1.47 ×" in " ".join(" ".join(lines).split())


def test_where_two_machines_cross() -> None:
    cases = make_cases([comparison(batch) for batch in BATCHES])
    rows = {row["other"]: row for row in crossings(cases, "batch", "f2f_edge")}
    found = rows["bitmap_edge"]
    assert (found["faster"], found["slower"], found["cross"]) == ("1, 4", "16", "4 and 16")
    assert (rows["dense_edge"]["faster"], rows["dense_edge"]["cross"]) == ("1, 4, 16", "–")


def test_a_pair_of_f2f_machines_crosses_once() -> None:
    files = [
        [result("f2f_edge", "f2f", 1.0, batch=b), result("f2f_skip", "f2f", 0.5 + b, batch=b)]
        for b in (1, 8)
    ]
    cases = make_cases(files)
    assert [row["other"] for row in crossings(cases, "batch", "f2f_edge")] == ["f2f_skip"]
    assert crossings(cases, "batch", "f2f_skip") == []


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
    for one in report.answer:
        assert all(plain(point).replace("_", "\\_") in text for point in one.headline)
