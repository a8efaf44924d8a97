"""`duel`: each family's best design under the same conditions and budgets, and who wins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from f2fsim.config.duel import DuelSpec, load_duel, make_duel
from f2fsim.errors import InputError, choices, near_miss
from f2fsim.explore.duel_least import LeastFigures
from f2fsim.explore.duel_reasons import with_reasons
from f2fsim.explore.duel_result import DuelResult, place_of
from f2fsim.explore.duel_rows import decide, design_rows, entry_of
from f2fsim.explore.duel_run import Least, UnbeatenRun, families_of
from f2fsim.explore.duel_space import Contest, Space
from f2fsim.explore.points import Point
from f2fsim.explore.runners import Progress, Runner
from f2fsim.explore.store import ResultStore
from f2fsim.explore.sweeps import make_runner


def duel(
    spec: DuelSpec | str | Path | None = None,
    *,
    out: str | Path | None = None,
    workers: int | None = None,
    dask: str | None = None,
    runner: Runner | None = None,
    retry_failed: bool = False,
    reasons: bool | None = None,
    progress: Progress | None = None,
    least: Least | None = None,
    **fields: Any,
) -> DuelResult:
    """Find each family's best design under the same conditions and budgets, and who wins.

    Parameters
    ----------
    spec : DuelSpec, path or name, optional
        A specification; in its place, or on top of it, its keys: ``families={"f2f": {"archs":
        ["f2f_edge"], "axes": {"front_end.n_out": "40:120:8"}}}``, ``scenarios=…``, ``budgets=…``,
        ``objectives=…``, ``map=…``.
    out : path, optional
        Folder of the store; a store that is there is gone on with.  In memory without it.
    workers : int, optional
        Local processes, all cores by default; 1 runs in this process.
    dask : str, optional
        Address of a Dask scheduler (``tcp://host:8786``) or path of its scheduler file.
    runner : Runner, optional
        Where points run, in place of `workers` and `dask`.
    retry_failed : bool
        Whether points that failed before are run again.
    reasons : bool, optional
        Whether winners are explained by experiments (`f2fsim.what_if`) and by the ranges of cost
        constants; by default where there is no map.
    progress : callable, optional
        Called with (done, total, label): designs that are decided of all.
    least : callable, optional
        Bounds of a point, in place of those of the program; ``lambda point: {}`` for none: every
        design is simulated.

    Returns
    -------
    DuelResult

    Raises
    ------
    InputError
        For anything wrong with the specification or the store.  A design that fails does not
        raise: its row has the error.
    """
    chosen = _spec(spec, fields)
    if runner is None:
        runner = make_runner(workers, dask)
    contests = Space(chosen).contests()
    store = ResultStore(None if out is None else Path(out))
    store.begin(chosen.name, chosen.model_dump(mode="json"), _members(contests))
    run = UnbeatenRun(families_of(contests, chosen.objectives, least or LeastFigures()))
    run.run(store, chosen.engine, runner, retry_failed, progress)
    rows: list[dict[str, Any]] = []
    decisions = []
    for number, contest in enumerate(contests):
        entries = {}
        for family in contest.families:
            of_family = design_rows(contest, run.families[number, family])
            rows += of_family
            entries[family] = entry_of(chosen, family, of_family)
        decisions.append(decide(chosen, contest, entries))
    if reasons if reasons is not None else not chosen.map:
        decisions = [
            with_reasons(one, contest) for one, contest in zip(decisions, contests, strict=True)
        ]
    return DuelResult(chosen, store, tuple(decisions), tuple(rows), run.n_run)


def _spec(spec: DuelSpec | str | Path | None, fields: Mapping[str, Any]) -> DuelSpec:
    for name in fields:
        if name not in DuelSpec.model_fields:
            near = near_miss(name, DuelSpec.model_fields)
            known = choices(DuelSpec.model_fields)
            raise InputError(f"duel has no {name!r}{near}; known: {known}")
    if spec is None:
        return make_duel(**fields)
    loaded = spec if isinstance(spec, DuelSpec) else load_duel(spec)
    return loaded.with_fields(fields) if fields else loaded


def _members(contests: Sequence[Contest]) -> list[Point]:
    """Return all points as those of one sweep, with family and conditions as columns."""
    found: list[Point] = []
    for contest in contests:
        place = place_of(contest.conditions)
        for family, designs in contest.families.items():
            for design in designs:
                for point in design.points:
                    columns = {**place, "family": family, **point.columns}
                    found.append(replace(point, index=len(found), columns=columns))
    return found
