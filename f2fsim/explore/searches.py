"""`search`: multi-objective search with Optuna over the points of a design space.

Trials are asked for in batches of the specification's size, run on any runner, and told in order;
every batch has a sampler seeded by the seed and the batch's number.  So the trials depend neither
on the number of workers nor on interruptions (`f2fsim.explore.study`).  Points lie in a
`ResultStore`: a point that is proposed again is not simulated again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from f2fsim.config.arch import ArchConfig
from f2fsim.config.axis import Axis
from f2fsim.config.sweep import SearchSpec, load_search
from f2fsim.config.workload import Workload
from f2fsim.errors import InputError
from f2fsim.explore.expand import Expander
from f2fsim.explore.inputs import load_inputs
from f2fsim.explore.lock import one_at_a_time
from f2fsim.explore.pareto import pareto_mask
from f2fsim.explore.runners import Progress, Runner
from f2fsim.explore.store import ResultStore
from f2fsim.explore.study import BROKEN, DIGEST, ERROR, SPEC, Trials, open_study, quiet_optuna
from f2fsim.explore.sweeps import make_runner
from f2fsim.explore.tables import split_objectives

STUDY_FILE = "study.sqlite"
LOCK_FILE = "study.lock"


@dataclass(frozen=True, repr=False)
class SearchResult:
    """A study and the records of its trials.

    Attributes
    ----------
    study : optuna.Study
    store : ResultStore
    study_url : str
        For ``optuna.load_study`` and ``optuna-dashboard``.
    n_run : int
        Points that were simulated by this call.
    """

    study: Any
    store: ResultStore
    spec: SearchSpec
    study_url: str
    n_run: int

    def __repr__(self) -> str:
        text = ", ".join(f"{n} {status}" for status, n in self.counts().items() if n)
        return f"SearchResult {self.spec.name!r}: {text}; study in {self.study_url}"

    def rows(self) -> list[dict[str, Any]]:
        """Return one row a trial: number, values of the axes, objectives, state, error, digest."""
        names, _ = split_objectives(self.spec.objectives)
        rows = []
        for trial in self.study.get_trials(deepcopy=False):
            figures = trial.values or [None] * len(names)
            broken = trial.user_attrs.get(BROKEN)
            rows.append(
                {
                    "trial": trial.number,
                    **{path: _value(self.spec.axes[path], trial, path) for path in self.spec.axes},
                    **dict(zip(names, figures, strict=True)),
                    "feasible": trial.values is not None and not broken,
                    "state": trial.state.name.lower(),
                    "error": trial.user_attrs.get(ERROR, ""),
                    "digest": trial.user_attrs.get(DIGEST, ""),
                }
            )
        return rows

    def points(self) -> list[dict[str, Any]]:
        """Return each different point once with all its figures, as rows that share keys.

        ``status`` is ``ok``, ``infeasible`` (a limit is broken) or ``failed``.
        """
        rows: dict[str, dict[str, Any]] = {}
        figures: dict[str, None] = {}
        for trial in self.rows():
            outcome = self.store.outcome(trial["digest"]) if trial["digest"] else None
            if outcome is None or trial["digest"] in rows:
                continue
            figures |= dict.fromkeys(outcome.metrics)
            failed = "failed" if trial["state"] != "complete" else "infeasible"
            rows[trial["digest"]] = {
                "trial": trial["trial"],
                **{path: trial[path] for path in self.spec.axes},
                **{name: v for name, v in outcome.metrics.items() if name not in self.spec.axes},
                "status": "ok" if trial["feasible"] else failed,
                "error": trial["error"],
                "digest": trial["digest"],
            }
        last = ("status", "error", "digest")
        keys = ("trial", *self.spec.axes, *(f for f in figures if f not in self.spec.axes))
        return [{key: row.get(key) for key in (*keys, *last)} for row in rows.values()]

    def front(self) -> list[dict[str, Any]]:
        """Return the feasible trials on the Pareto front, each point once, by first objective."""
        rows: dict[str, dict[str, Any]] = {}
        for row in self.rows():
            if row["feasible"]:
                rows.setdefault(row["digest"], row)
        found = list(rows.values())
        names, directions = split_objectives(self.spec.objectives)
        if not found:
            return []
        values = np.array([[row[name] for name in names] for row in found], dtype=np.float64)
        mask = pareto_mask(values, directions)
        front = [row for row, on_front in zip(found, mask, strict=True) if on_front]
        sign = 1 if directions[0] == "min" else -1
        return sorted(front, key=lambda row: (sign * row[names[0]], row["trial"]))

    def counts(self) -> dict[str, int]:
        """Return how many trials are complete, infeasible, failed, and how many points they are."""
        rows = self.rows()
        return {
            "complete": sum(row["state"] == "complete" for row in rows),
            "infeasible": sum(row["state"] == "complete" and not row["feasible"] for row in rows),
            "failed": sum(row["state"] == "fail" for row in rows),
            "different points": len({row["digest"] for row in rows if row["digest"]}),
            "simulated now": self.n_run,
        }


def search(
    spec: SearchSpec | str | Path,
    *,
    out: str | Path,
    arch: ArchConfig | None = None,
    workload: Workload | None = None,
    n_trials: int | None = None,
    workers: int | None = None,
    dask: str | None = None,
    runner: Runner | None = None,
    progress: Progress | None = None,
    on_wait: Callable[[], None] | None = None,
) -> SearchResult:
    """Search a design space; a study that is in `out` is gone on with.

    Searches in one folder take turns: one that finds another at work waits for its end.

    Parameters
    ----------
    spec : SearchSpec or path
    out : path
        Folder of ``study.sqlite`` (Optuna's own storage) and of the store of points.
    arch, workload : optional
        Configurations in place of the specification's names.
    n_trials : int, optional
        Trials of the whole study, in place of the specification's.
    workers, dask, runner, progress
        As in `f2fsim.sweep`.
    on_wait : callable, optional
        Called once if another search is at work in `out`.

    Raises
    ------
    InputError
        For anything wrong with the specification, or if `out` holds the study of another one.
    """
    chosen = spec if isinstance(spec, SearchSpec) else load_search(spec)
    if runner is None:
        runner = make_runner(workers, dask)
    inputs = load_inputs(chosen, [arch] if arch else (), [workload] if workload else ())
    expander = Expander(chosen, inputs)
    folder = Path(out)
    store = ResultStore(folder)
    url = f"sqlite:///{folder / STUDY_FILE}"
    wanted = n_trials or chosen.n_trials

    with quiet_optuna(), one_at_a_time(folder / LOCK_FILE, on_wait or (lambda: None)):
        study = open_study(chosen, url)
        n_run = Trials(chosen, expander, store, study, runner).to_the_end(wanted, progress)
    return SearchResult(study, store, chosen, url, n_run)


def open_search(folder: Path, name: str | None = None) -> SearchResult | None:
    """Return the study that a search left in a folder, None if there is none.

    Parameters
    ----------
    folder : Path
        Where `search` wrote to.
    name : str, optional
        Of the study; the last one that was made if it is not given.

    Raises
    ------
    InputError
        If the file is damaged, or holds no study of a search of that name.
    """
    import optuna

    if not (folder / STUDY_FILE).is_file():
        return None
    url = f"sqlite:///{folder / STUDY_FILE}"
    with quiet_optuna():
        try:
            studies = {study.study_name: study for study in optuna.get_all_study_summaries(url)}
            known = {n: s for n, s in studies.items() if SPEC in s.user_attrs}
            chosen = name or next(reversed(known), None)
            if chosen is None or chosen not in known:
                return None
            study = optuna.load_study(study_name=chosen, storage=url)
            data = {**known[chosen].user_attrs[SPEC], "n_trials": max(1, len(study.trials))}
            spec = SearchSpec.model_validate(data)
        except Exception as error:  # Optuna lets through what its database raises
            raise InputError(f"{url}: cannot be used as a study: {error}") from None
    return SearchResult(study, ResultStore(folder, read_only=True), spec, url, 0)


def _value(axis: Axis, trial: Any, path: str) -> Any:
    """Return the axis' value of a trial in storage."""
    if path not in trial.params:
        return None
    given = trial.params[path]
    return given if axis.is_interval else axis.values[given]
