"""``duel``: best designs and fronts as plain loops find them, resumed, refused, run again."""

from __future__ import annotations

import csv
import io
import json
import math
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import pytest
from small_space import write_space

import f2fsim
from f2fsim import shipped
from f2fsim.cli import console
from f2fsim.cli.main import app
from f2fsim.config.arch import load_arch
from f2fsim.config.duel import load_duel
from f2fsim.errors import InputError
from f2fsim.explore import InProcess, Outcome
from f2fsim.explore.duel_run import joined
from f2fsim.explore.duel_space import Space
from f2fsim.explore.evaluate import Task
from f2fsim.pipeline.cost import CostModel

SPEC = """\
name: small_duel
families:
  f2f:
    archs: [arch.yaml]
    axes:
      front_end.n_out: "16:48:8"
      front_end.groups: [1, 2]
      pe_array.columns: [1, 2]
    constraints: ["n_out * groups <= 80"]
  csr:
    archs: [csr.yaml]
    axes: {pe_array.n_pes: [8, 16, 64], pe_array.columns: [1, 2, 4]}
scenarios:
  mild: {workloads: [workload.yaml], sparsity: 0.7}
  sparse: {workloads: [workload.yaml], sparsity: 0.9, batch: 4}
"""


@pytest.fixture(autouse=True)
def _no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("F2FSIM_CACHE_DIR", "off")


def duel_file(tmp_path: Path, text: str = SPEC) -> Path:
    path = write_space(tmp_path / "space").parent / "duel.yaml"
    path.write_text(text)
    return path


def run(*arguments: object) -> int:
    return console.run(lambda: app([str(a) for a in arguments], standalone_mode=False))


def beats(a: dict[str, Any], b: dict[str, Any], objectives: list[str]) -> bool:
    return all(a[o] <= b[o] for o in objectives) and any(a[o] < b[o] for o in objectives)


def test_best_and_front_of_each_family(tmp_path: Path) -> None:
    objectives = ["seconds", "energy_pj"]
    found = f2fsim.duel(duel_file(tmp_path), workers=1, reasons=False)
    rows = found.rows()
    assert len(rows) == 2 * (20 + 9)
    for one in found.decisions:
        here = [row for row in rows if row["scenario"] == one.conditions.scenario]
        winners = {}
        for family, entry in one.entries.items():
            mine = [row for row in here if row["family"] == family and row["seconds"] is not None]
            front = [r for r in mine if not any(beats(other, r, objectives) for other in mine)]
            assert {row["design"] for row in entry.front} == {row["design"] for row in front}
            least = min(mine, key=lambda row: (row["seconds"], row["energy_pj"]))
            assert entry.best is not None
            assert entry.best["seconds"] == least["seconds"]
            winners[family] = least["seconds"]
            assert sum(entry.counts.values()) == len(
                [row for row in here if row["family"] == family]
            )
        order = sorted(winners, key=winners.__getitem__)
        assert (one.winner, one.second) == tuple(order)
        assert one.margin == winners[order[1]] / winners[order[0]]


def test_figures_are_those_of_a_simulation(tmp_path: Path) -> None:
    spec = duel_file(tmp_path)
    found = f2fsim.duel(spec, workers=1, reasons=False, least=lambda point: {})
    row = next(r for r in found.rows() if r["family"] == "csr" and r["scenario"] == "sparse")
    arch = load_arch(spec.parent / "csr.yaml").with_values({"pe_array.n_pes": 8})
    alone = f2fsim.simulate(
        arch, spec.parent / "workload.yaml", sparsity=0.9, batch=4, isolated=True
    )
    assert row["seconds"] == alone.seconds
    assert row["energy_pj"] == sum(alone.energy_pj.values())
    assert row["area_mm2"] == pytest.approx(sum(CostModel.of(arch).area_um2("int8").values()) / 1e6)


def test_every_design_is_run_again_by_its_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = f2fsim.duel(duel_file(tmp_path), workers=1, reasons=False)
    for row in found.best():
        assert run(*shlex.split(row["command"])[1:], "-j", "1", "--json") == 0
        (again,) = json.loads(capsys.readouterr().out)
        for figure in ("seconds", "energy_pj", "area_um2", "dram_bytes", "bits_per_weight"):
            assert again[figure] == row[figure], figure


def test_a_duel_killed_twenty_times_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    spec = duel_file(tmp_path)
    ran = subprocess.run(
        [
            sys.executable,
            Path(__file__).parent / "kill_run.py",
            "duel",
            spec,
            tmp_path / "out",
            "7",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    left = [int(line.split()[1]) for line in ran.stdout.splitlines()]
    assert left == sorted(left), "a kill lost a record"
    assert len(set(left)) > 3, "no kill came in between"
    found = f2fsim.duel(spec, out=tmp_path / "out", workers=1, reasons=False)
    assert found.n_run == 0
    found.store.close()
    assert found.rows() == f2fsim.duel(spec, workers=1, reasons=False).rows()
    with sqlite3.connect(tmp_path / "out" / "sweep.sqlite") as db:
        assert db.execute("SELECT max(n_attempts) FROM records").fetchone() == (1,)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


def test_budgets_rule_designs_out(tmp_path: Path) -> None:
    spec = duel_file(tmp_path)
    free = f2fsim.duel(spec, workers=1, reasons=False)
    areas = sorted(row["area_mm2"] for row in free.rows() if row["area_mm2"] is not None)
    limit = areas[len(areas) // 2]
    times = sorted(row["seconds"] for row in free.rows() if row["seconds"] is not None)
    slow = times[len(times) // 2] * 1e6
    held = f2fsim.duel(spec, workers=1, reasons=False, budgets={"area_mm2": limit, "time_us": slow})
    assert 0 < held.counts()["over budget"] < len(held.rows())
    for row in held.rows():
        if row["fidelity"] == "over budget":
            assert row["area_mm2"] > limit
            assert "is over" in row["error"]
        elif row["fidelity"] == "simulated":
            assert row["area_mm2"] <= limit
            assert row["within_budgets"] == (row["seconds"] * 1e6 <= slow)
    for one in held.decisions:
        for entry in one.entries.values():
            assert entry.best is None or entry.best["within_budgets"]


def test_several_workloads_count_by_their_geometric_mean(tmp_path: Path) -> None:
    text = SPEC.split("scenarios:")[0] + (
        "scenarios:\n  both: {workloads: [workload.yaml, other.yaml], sparsity: 0.8}\n"
    )
    spec = duel_file(tmp_path, text)
    other = (spec.parent / "workload.yaml").read_text().replace("name: small", "name: other")
    (spec.parent / "other.yaml").write_text(other.replace("96", "160"))
    found = f2fsim.duel(spec, workers=1, reasons=False)
    best = found.decisions[0].best
    assert best is not None
    figures = [found.store.outcome(digest) for digest in best["digest"].split()]
    seconds = [one.metrics["seconds"] for one in figures if one is not None]
    assert len(seconds) == 2
    assert best["seconds"] == pytest.approx(math.sqrt(seconds[0] * seconds[1]))
    assert joined([{"a": 2.0, "b": 3.0}, {"a": 2.0, "b": None}]) == {"a": 2.0}


class Stopped(Exception):
    """In place of Ctrl-C."""


class StopsAfter(InProcess):
    """Runs some points, then is interrupted."""

    def run(self, tasks: Iterable[Task], *, ahead: bool = False) -> Generator[Outcome, None, None]:
        for number, outcome in enumerate(super().run(tasks)):
            if number == 7:
                raise Stopped
            yield outcome


def test_an_interrupted_duel_goes_on_where_it_was(tmp_path: Path) -> None:
    spec, out = duel_file(tmp_path), tmp_path / "out"
    with pytest.raises(Stopped):
        f2fsim.duel(spec, out=out, runner=StopsAfter(), reasons=False)
    resumed = f2fsim.duel(spec, out=out, workers=1, reasons=False)
    whole = f2fsim.duel(spec, workers=1, reasons=False)
    assert resumed.n_run == whole.n_run - 7
    assert resumed.best() == whole.best()
    assert f2fsim.duel(spec, out=out, workers=2, reasons=False).n_run == 0


def test_the_verdict_comes_first_and_tables_hold_everything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec, table = duel_file(tmp_path), tmp_path / "all.parquet"
    assert run("duel", spec, "--sparsity", "0.8", "-j", "1", "--table", table, "--no-reasons") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "small_duel"
    assert lines[1].startswith("Wins: ")
    import pandas as pd

    frame = pd.read_parquet(table)
    assert set(frame["fidelity"]) == {"simulated", "bound", "excluded"}
    assert run("duel", spec, "-w", "workload.yaml", "-j", "1", "-o", tmp_path / "o") == 0
    lines = capsys.readouterr().out.splitlines()
    assert " wins: " in lines[1]
    assert [line.split()[0] for line in lines if line.startswith(("f2f ", "csr "))]
    assert any(line.startswith("again: f2fsim sweep") for line in lines)
    assert len(lines) <= 12
    assert run("duel", spec, "--family", "csr", "-j", "1", "--csv") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {row["family"] for row in rows} == {"csr"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "front_end.groups",
            "front_end.group",
            "duel.yaml:7: families.f2f.axes.front_end.group: no",
        ),
        ("archs: [csr.yaml]", "arch: [csr.yaml]", "duel.yaml:11: families.csr.arch: unknown key"),
        ("archs: [csr.yaml]", "archs: [csr_egde]", "did you mean 'csr_edge'?"),
        ("archs: [csr.yaml]", "archs: []", "duel.yaml:11: families.csr.archs: at least one"),
        ("sparsity: 0.7", "sparsty: 0.7", "duel.yaml:14: scenarios.mild.sparsty: unknown key"),
        ("sparsity: 0.7", "sparsity: 1.7", "less than or equal to 1"),
        (
            "sparsity: 0.7",
            "set: {memory.n_channel: 2}",
            "duel.yaml:14: scenarios.mild.set.memory.n_channel: no such path",
        ),
        (
            "sparsity: 0.7",
            "set: {pe_array.columns: 2}",
            "families.f2f varies arch.pe_array.columns too",
        ),
        ("pe_array.n_pes:", "workload.batch:", "it belongs to a scenario"),
        ("scenarios:", "budgets: {area_mm: 3}\nscenarios:", "did you mean 'area_mm2'?"),
        ("scenarios:", "budgets: {area_mm2: -3}\nscenarios:", "greater than 0"),
        ("scenarios:", "objectives: [second]\nscenarios:", "did you mean 'seconds'?"),
        ("scenarios:", "map: {sparsity: [0.5]}\nscenarios:", "has two axes, got 1"),
        (
            "scenarios:",
            "map: {arae_mm2: [1], memory.n_channels: [1]}\nscenarios:",
            "duel.yaml:13: map.arae_mm2: is no budget",
        ),
        (
            "scenarios:",
            "map: {sparsity: [0.5], memory.n_channels: [1]}\nscenarios:",
            "scenarios.mild gives workload.sparsity too",
        ),
    ],
)
def test_wrong_specifications_are_refused_with_their_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, message: str
) -> None:
    assert old in SPEC
    spec = duel_file(tmp_path, SPEC.replace(old, new))
    assert run("duel", spec, "-j", "1") == 2
    assert message in capsys.readouterr().err


def test_other_wrong_calls(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = duel_file(tmp_path)
    for line, message in (
        (["duel", spec, "--family", "crs"], "did you mean 'csr'?"),
        (["duel", "egde"], "did you mean 'edge'?"),
        (["duel", spec, "--json", "--csv"], "exclude each other"),
        (["duel", spec, "--table", "t.xls"], "the ending must be"),
    ):
        assert run(*line) == 2, line
        assert message in capsys.readouterr().err
    with pytest.raises(InputError, match="did you mean 'families'"):
        f2fsim.duel(spec, familys={})


#: Spaces of two families, small enough to be run whole.
SPACES = {
    "decoders": """\
families:
  f2f:
    archs: [arch.yaml]
    axes:
      front_end.n_out: {n_out}
      front_end.groups: [1, 2, 3, 4]
      pe_array.columns: [1, 2, 4, 8]
      pe_array.window: {window}
    derive: {{pe_array.weights_per_cycle: "groups * n_out"}}
  csr:
    archs: [csr.yaml]
    axes:
      pe_array.n_pes: {n_pes}
      pe_array.columns: [1, 2, 4]
      pe_array.window: {window}
      scratchpad.n_banks: [16, 64, 128]
""",
    "memories": """\
families:
  bitmap:
    archs: [bitmap_edge]
    axes:
      memory.n_channels: [1, 2, 4]
      pe_array.weights_per_cycle: {n_pes}
      pe_array.columns: [1, 4, 8]
      front_end.block: {n_out}
      scratchpad.capacity: ["16 KiB", "64 KiB"]
  dense:
    archs: [dense_edge]
    axes:
      memory.n_channels: [1, 2, 4]
      pe_array.weights_per_cycle: {n_pes}
      pe_array.columns: [1, 4]
      pe_array.zeros: [gate, multiply]
      scratchpad.capacity: ["16 KiB", "64 KiB"]
""",
    "folds": """\
families:
  systolic:
    archs: [systolic_32x32, systolic_32x32_os]
    axes:
      pe_array.rows: {n_pes}
      pe_array.columns: {n_pes}
      scratchpad.n_banks: [8, 32]
  rle:
    archs: [scnn_like]
    axes:
      front_end.run_bits: [2, 3, 4, 5]
      front_end.entries_per_cycle: {n_pes}
      pe_array.weights_per_cycle: {n_pes}
      pe_array.columns: [4, 16, 64]
""",
}
SCENARIOS = """\
scenarios:
  one: {workloads: [workload.yaml], sparsity: 0.8}
  many: {workloads: [workload.yaml], sparsity: 0.6, batch: 16}
"""


def hold_against_brute_force(tmp_path: Path, name: str, sizes: dict[str, str]) -> tuple[int, int]:
    """Compare fronts and winners with those of all designs; return all and simulated ones."""
    spec = duel_file(tmp_path, f"name: {name}\n{SPACES[name].format(**sizes)}{SCENARIOS}")
    n_all = n_simulated = 0
    for objectives in (["seconds", "energy_pj"], ["seconds", "area_um2"]):
        every, found = (
            f2fsim.duel(
                spec,
                out=tmp_path / "store",  # what the first one ran, the second one finds
                workers=1,
                reasons=False,
                objectives=objectives,
                least=least,
            )
            for least in (lambda point: {}, None)
        )
        assert found.n_run == 0
        assert every.counts()["bound"] == 0
        n_all += every.counts()["simulated"]
        n_simulated += found.counts()["simulated"]
        assert found.counts()["bound"] + found.counts()["simulated"] == every.counts()["simulated"]
        for one, other in zip(found.decisions, every.decisions, strict=True):
            assert (one.winner, one.second, one.margin) == (
                other.winner,
                other.second,
                other.margin,
            )
            for family, entry in one.entries.items():
                brute = other.entries[family]
                assert [row["design"] for row in entry.front] == [
                    row["design"] for row in brute.front
                ]
                assert [[row[o] for o in objectives] for row in entry.front] == [
                    [row[o] for o in objectives] for row in brute.front
                ]
        for row, brute_row in zip(found.rows(), every.rows(), strict=True):
            for figure in objectives:
                if row["fidelity"] == "bound":
                    assert row[figure] is None
                if row["fidelity"] in ("bound", "simulated"):
                    assert row[f"least_{figure}"] <= brute_row[figure]
    return n_all, n_simulated


@pytest.mark.parametrize("name", SPACES)
def test_pruned_fronts_are_those_of_all_designs(name: str, tmp_path: Path) -> None:
    n_all, n_simulated = hold_against_brute_force(
        tmp_path, name, {"n_out": "[16, 48]", "n_pes": "[4, 64]", "window": "[4]"}
    )
    assert n_simulated < 0.9 * n_all


#: Widths that give each space some thousand points, of two scenarios.
LARGE = {"decoders": (17, 20), "memories": (6, 8), "folds": (6, 8)}


@pytest.mark.slow
@pytest.mark.parametrize("name", SPACES)
def test_pruned_fronts_of_larger_spaces(name: str, tmp_path: Path) -> None:
    n_out, n_pes = LARGE[name]
    sizes = {
        "n_out": str([16 + 64 * i // (n_out - 1) for i in range(n_out)]),
        "n_pes": str([4 * (i + 1) for i in range(n_pes)]),
        "window": "[1, 4, 16]",
    }
    n_all, n_simulated = hold_against_brute_force(tmp_path, name, sizes)
    assert n_all >= 2 * 2000  # once for each pair of objectives
    assert n_simulated < 0.95 * n_all


@pytest.mark.parametrize("name", shipped.names("duels"))
def test_shipped_duels_are_of_this_version(name: str) -> None:
    """One design a family: their files, paths and expressions fit the machines of today."""
    spec = load_duel(name)
    families = {
        family: {
            **{key: getattr(space, key) for key in ("archs", "derive", "constraints")},
            "axes": {path: [axis.values[0]] for path, axis in space.axes.items()},
        }
        for family, space in spec.families.items()
    }
    for contest in Space(spec.with_fields({"families": families})).contests():
        for family, designs in contest.families.items():
            assert {d.status for d in designs} <= {"ready", "over budget", "excluded"}, family
            assert len(designs) == len(spec.families[family].archs)


REPORTS = Path(__file__).parents[2] / "reports" / "duel"


@pytest.mark.parametrize(
    "spec",
    ["edge", "server", *sorted(REPORTS.glob("*.yaml"))],
    ids=lambda one: Path(one).stem,
)
def test_every_code_of_the_mask_holds_the_clock(spec: str | Path) -> None:
    """A code that the clock rules out for one family alone would make the duel unequal."""
    duel = load_duel(spec)
    families = {}
    for name, space in duel.families.items():
        codes = space.axes.get("front_end.mask_code")
        if codes is not None:
            axes: dict[str, Any] = {path: [axis.values[0]] for path, axis in space.axes.items()}
            axes["front_end.mask_code"] = list(codes.values)
            families[name] = {"archs": space.archs, "derive": space.derive, "axes": axes}
    clock = duel.budgets.clock
    budgets = {} if clock is None else {"clock": f"{clock / 1e6:g} MHz"}
    fields = {"families": families, "budgets": budgets, "map": {}}
    for contest in Space(duel.with_fields(fields)).contests():
        for name, designs in contest.families.items():
            assert [design.error for design in designs if design.status != "ready"] == [], name
