"""Pareto front, best-of, comparison, sensitivity: against brute force and closed forms."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from f2fsim.errors import DataError, InputError
from f2fsim.explore.export import write_rows
from f2fsim.explore.pareto import pareto_mask
from f2fsim.explore.sensitivity import sensitivity
from f2fsim.explore.store import Member, Outcome, ResultStore
from f2fsim.explore.tables import best_rows, member_rows, pareto_rows, to_frame


def brute_force(values: list[list[float]]) -> list[bool]:
    """Is there anybody nowhere worse and somewhere better?  Plain Python, all pairs."""
    mask = []
    for a in values:
        if any(x != x for x in a):
            mask.append(False)
            continue
        beaten = False
        for b in values:
            if any(x != x for x in b):
                continue
            if all(y <= x for x, y in zip(a, b, strict=True)) and a != b:
                beaten = True
        mask.append(not beaten)
    return mask


@settings(max_examples=300)
@given(
    st.tuples(st.integers(0, 40), st.integers(1, 6)).flatmap(
        lambda shape: arrays(
            np.float64, shape, elements=st.sampled_from([0.0, 1.0, 2.0, 3.0, -1.5, np.inf, np.nan])
        )
    )
)
def test_pareto_against_brute_force_with_ties(values: np.ndarray) -> None:
    assert pareto_mask(values).tolist() == brute_force(values.tolist())


@pytest.mark.parametrize("n_objectives", [1, 2, 3, 5])
def test_pareto_against_brute_force_on_random_sets(n_objectives: int) -> None:
    rng = np.random.default_rng(n_objectives)
    values = rng.normal(size=(400, n_objectives))
    assert pareto_mask(values).tolist() == brute_force(values.tolist())
    directions = ["max", "min", "max", "min", "max"][:n_objectives]
    signs = [-1.0 if d == "max" else 1.0 for d in directions]
    assert pareto_mask(values, directions).tolist() == brute_force((values * signs).tolist())


def test_pareto_refuses_what_does_not_fit() -> None:
    with pytest.raises(InputError):
        pareto_mask([1.0, 2.0])
    with pytest.raises(InputError):
        pareto_mask([[1.0, 2.0]], ["min", "down"])


def grid(function: object) -> pd.DataFrame:
    rows = [
        {"point": i, "a": a, "b": b, "c": c, "seconds": function(a, b, c), "status": "ok"}  # type: ignore[operator]
        for i, (a, b, c) in enumerate(itertools.product(range(4), range(3), range(2)))
    ]
    return pd.DataFrame(rows)


def test_sensitivity_of_a_sum_is_the_share_of_each_variance() -> None:
    rows = sensitivity(grid(lambda a, b, c: 10 * a + 3 * b + c), ["a", "b", "c"], "seconds")
    # Variance of 0 … n-1 is (n² - 1) / 12.
    parts = {"a": 100 * 15 / 12, "b": 9 * 8 / 12, "c": 3 / 12}
    assert [row["axis"] for row in rows] == ["a", "b", "c"]
    for row in rows:
        share = parts[row["axis"]] / sum(parts.values())
        assert row["main_effect"] == pytest.approx(share, rel=1e-12)
        assert row["total_effect"] == pytest.approx(share, rel=1e-9)
    assert (rows[0]["spread"], rows[0]["smallest_at"], rows[0]["largest_at"]) == (30.0, 0, 3)


def test_sensitivity_sees_a_pure_interaction() -> None:
    def sign(n: int) -> int:
        return 1 if n % 2 else -1

    rows = sensitivity(grid(lambda a, b, c: sign(a) * sign(c)), ["a", "b", "c"], "seconds")
    effects = {row["axis"]: (row["main_effect"], row["total_effect"]) for row in rows}
    assert effects["a"] == pytest.approx((0.0, 1.0))
    assert effects["c"] == pytest.approx((0.0, 1.0))
    assert effects["b"] == pytest.approx((0.0, 0.0))


def test_no_total_effect_without_the_whole_grid() -> None:
    rows = sensitivity(grid(lambda a, b, c: a + b).iloc[1:], ["a", "b", "c"], "seconds")
    assert [row["total_effect"] for row in rows] == [None] * 3
    assert sensitivity(grid(lambda a, b, c: a), ["a"], "area_um2") == []


def members() -> list[Member]:
    def one(i: int, role: str, digest: str, n: int, status: str, **metrics: float | None) -> Member:
        beside = {"csr": "base"} if role == "point" else {}
        return Member(
            i, digest, role, "f2f", "w", {"n": n, "s": {"k": 1}}, beside, status, metrics, ""
        )

    return [
        one(0, "point", "p0", 1, "ok", seconds=2.0, dram_bytes=10, energy_pj=None),
        one(1, "point", "p1", 2, "ok", seconds=4.0, dram_bytes=5, energy_pj=None),
        one(2, "point", "p2", 2, "ok", seconds=5.0, dram_bytes=6, energy_pj=None),
        one(3, "point", "p3", 3, "failed"),
        one(4, "baseline", "base", 9, "ok", seconds=8.0, dram_bytes=20, energy_pj=None),
    ]


def test_rows_compare_each_point_with_its_baselines() -> None:
    rows = member_rows(members())
    assert [row["speedup_over_csr"] for row in rows] == [4.0, 2.0, 1.6, None]
    assert [row["dram_saving_over_csr"] for row in rows] == [2.0, 4.0, 20 / 6, None]
    assert {row["energy_saving_over_csr"] for row in rows} == {None}
    assert rows[0]["s"] == '{"k": 1}'
    assert len({tuple(row) for row in rows}) == 1


def test_front_and_best_of_a_table() -> None:
    frame = to_frame(member_rows(members()))
    assert pareto_rows(frame, ["seconds", "dram_bytes"])["point"].tolist() == [0, 1]
    assert best_rows(frame, "seconds", by=["n"])["point"].tolist() == [0, 1]
    assert best_rows(frame, "dram_saving_over_csr:max", n_best=2)["point"].tolist() == [1, 2]
    for bad, message in (
        ("secnds", "did you mean"),
        ("energy_pj", "no point has a figure"),
        ("zz:min", "no point has a column"),
        ("seconds:up", "min or max"),
    ):
        with pytest.raises(InputError, match=message):
            pareto_rows(frame, [bad])


def test_a_front_for_each_value_of_a_column() -> None:
    rng = np.random.default_rng(3)
    rows = [
        {"a": int(rng.integers(3)), "b": "xy"[int(rng.integers(2))], "seconds": float(rng.random()),
         "area_um2": float(rng.random()), "status": "failed" if i % 9 == 0 else "ok", "point": i}
        for i in range(90)
    ]  # fmt: skip
    frame = to_frame(rows)
    for by in ([], ["a"], ["b", "a"]):
        expected = []
        for row in rows:
            alike = [
                r for r in rows if r["status"] == "ok" and all(r[key] == row[key] for key in by)
            ]
            beaten = any(
                r["seconds"] < row["seconds"] and r["area_um2"] < row["area_um2"] for r in alike
            )
            if row["status"] == "ok" and not beaten:
                expected.append(row)
        expected.sort(key=lambda row: ([row[key] for key in by], row["seconds"]))
        front = pareto_rows(frame, ["seconds", "area_um2"], by)
        assert front["point"].tolist() == [row["point"] for row in expected]
    with pytest.raises(InputError, match="no column 'c' to group by"):
        pareto_rows(frame, ["seconds"], ["c"])


@pytest.mark.parametrize("ending", [".csv", ".json", ".parquet"])
def test_exports_read_back(tmp_path: Path, ending: str) -> None:
    rows = member_rows(members())
    path = tmp_path / f"points{ending}"
    write_rows(path, rows)
    first = path.read_bytes()
    write_rows(path, rows)
    assert path.read_bytes() == first
    if ending == ".json":
        assert json.loads(path.read_text()) == rows
    else:
        frame = pd.read_csv(path) if ending == ".csv" else pd.read_parquet(path)
        assert list(frame.columns) == list(rows[0])
        assert frame["seconds"].tolist()[:3] == [2.0, 4.0, 5.0]
        assert frame["digest"].tolist() == ["p0", "p1", "p2", "p3"]
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_exports_refuse_other_endings(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ending"):
        write_rows(tmp_path / "points.xls", [])


def test_a_finished_record_stays(tmp_path: Path) -> None:
    with ResultStore(tmp_path) as store:
        assert store.put(Outcome("d", "failed", {}, "why"))
        assert store.put(Outcome("d", "ok", {"seconds": 1.0}))
        assert not store.put(Outcome("d", "failed", {}, "late"))
        found = store.outcome("d")
        assert found is not None
        assert (found.status, found.metrics) == ("ok", {"seconds": 1.0})


def test_stores_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no store"):
        ResultStore(tmp_path, read_only=True)
    (tmp_path / "sweep.sqlite").write_bytes(b"SQLite? no" * 100)
    with pytest.raises(DataError, match="no usable store"):
        ResultStore(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    import sqlite3

    db = sqlite3.connect(other / "sweep.sqlite")
    db.execute("CREATE TABLE t(a)")
    db.commit()
    db.close()
    with pytest.raises(DataError, match="another program"):
        ResultStore(other)
    with pytest.raises(DataError, match="is a file"):
        ResultStore(other / "sweep.sqlite")
