"""`search`: multi-objective search with Optuna over the points of a design space.

Trials are asked for in batches of the specification's size, run on any runner, and told in order;
every batch has a sampler seeded by the seed and the batch's number.  So the trials depend neither
on the number of workers nor on an interruption between two batches.  Points lie in a `ResultStore`:
a point that is proposed again is not simulated again.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from f2fsim.config.arch import ArchConfig
from f2fsim.config.axis import Axis
from f2fsim.config.expression import Expression
from f2fsim.config.sweep import SearchSpec, load_search
from f2fsim.config.workload import Workload
from f2fsim.errors import InputError, MissingDependencyError
from f2fsim.explore.expand import Expander
from f2fsim.explore.inputs import load_inputs
from f2fsim.explore.pareto import pareto_mask
from f2fsim.explore.points import Point
from f2fsim.explore.runners import Runner
from f2fsim.explore.store import Outcome, ResultStore
from f2fsim.explore.sweeps import Progress, make_runner, run_points
from f2fsim.explore.tables import split_objectives

STUDY_FILE = "study.sqlite"
#: User attributes of a trial: its point's digest, why it has no figures, which limits it breaks.
DIGEST, ERROR, BROKEN = "f2fsim:digest", "f2fsim:error", "f2fsim:broken"


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
) -> SearchResult:
    """Search a design space; a study that is in `out` is gone on with.

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
    with _quiet_optuna():
        study = _study(chosen, url)
        run = _Run(chosen, expander, store, study, runner)
        n_run = run.to_the_end(n_trials or chosen.n_trials, progress)
    return SearchResult(study, store, chosen, url, n_run)


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Keep Optuna from talking: results are told by the caller; experimental parts are known."""
    try:
        import optuna
    except ImportError:
        raise MissingDependencyError(
            "a search needs the package optuna; run: pip install 'f2fsim[search]'"
        ) from None
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


def _study(spec: SearchSpec, url: str) -> Any:
    import optuna

    # What decides the trials; more of them may be asked for later.
    data = spec.model_dump(mode="json", exclude={"n_trials", "description"})
    names, directions = split_objectives(spec.objectives)
    try:
        study = optuna.create_study(
            storage=url,
            study_name=spec.name,
            directions=[
                "minimize" if direction == "min" else "maximize" for direction in directions
            ],
            load_if_exists=True,
        )
    except Exception as error:
        raise InputError(f"{url}: cannot be used as a study: {error}") from None
    known = study.user_attrs.get("f2fsim:spec")
    if known is None:
        study.set_user_attr("f2fsim:spec", data)
        study.set_metric_names(names)
    elif known != data:
        keys = sorted(key for key in data if data[key] != known.get(key))
        raise InputError(
            f"{url}: study {spec.name!r} was made by another specification ({', '.join(keys)} "
            "differ); take another folder or name"
        )
    return study


class _Run:
    """One call's work on a study."""

    def __init__(
        self, spec: SearchSpec, expander: Expander, store: ResultStore, study: Any, runner: Runner
    ) -> None:
        self.spec, self.expander, self.store = spec, expander, store
        self.study, self.runner = study, runner
        self.limits = [Expression.parse(text) for text in spec.limits]
        (self.arch_name,), (self.workload_name,) = expander.inputs.archs, expander.inputs.workloads

    def to_the_end(self, n_trials: int, progress: Progress | None) -> int:
        """Go on until the study has `n_trials`; return how many points were simulated."""
        from optuna.trial import TrialState

        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            # Left behind by a kill; its point, if it was finished, is in the store.
            self.study.tell(trial.number, state=TrialState.FAIL)
        n_run = 0
        while (n_told := len(self.study.get_trials(deepcopy=False))) < n_trials:
            if progress:
                progress(n_told, n_trials, f"{n_run} points simulated")
            self.study.sampler = self._sampler(n_told // self.spec.batch)
            n_run += self._batch(min(self.spec.batch, n_trials - n_told))
        if progress:
            progress(n_told, n_trials, f"{n_run} points simulated")
        return n_run

    def _sampler(self, number: int) -> Any:
        from optuna import samplers

        seed = (self.spec.seed * 1_000_003 + number) % 2**32
        match self.spec.sampler:
            case "nsga2":
                return samplers.NSGAIISampler(population_size=self.spec.batch, seed=seed)
            case "tpe":
                return samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)
            case _:
                return samplers.RandomSampler(seed=seed)

    def _batch(self, size: int) -> int:
        """Ask for trials, run their points, tell their figures."""
        asked: list[tuple[Any, Point]] = []
        for _ in range(size):
            trial = self.study.ask()
            values = {path: _suggest(trial, path, axis) for path, axis in self.spec.axes.items()}
            asked.append(
                (
                    trial,
                    self.expander.point(trial.number, self.arch_name, self.workload_name, values),
                )
            )
        points = [point for _, point in asked]
        n_run = run_points(self.store, points, self.spec.engine, self.runner)
        for trial, point in asked:
            self._tell(trial, point)
        return n_run

    def _tell(self, trial: Any, point: Point) -> None:
        from optuna.trial import TrialState

        trial.set_user_attr(DIGEST, point.digest)
        if point.status == "ready":
            outcome = self.store.outcome(point.digest)
            assert outcome is not None
        else:
            outcome = Outcome(point.digest, point.status, {}, point.error)
            self.store.put(outcome)
        names, _ = split_objectives(self.spec.objectives)
        figures = [outcome.metrics.get(name) for name in names]
        error = outcome.error
        if outcome.status == "ok" and None in figures:
            error = f"the run has no figure for {names[figures.index(None)]}"
        if error:
            trial.set_user_attr(ERROR, error)
            self.study.tell(trial, state=TrialState.FAIL)
            return
        values = {**point.columns, **_short(point.columns), **outcome.metrics}
        known = {name: value for name, value in values.items() if value is not None}
        broken = [limit.text for limit in self.limits if not limit.evaluate(known)]
        for limit in self.limits:
            trial.set_constraint(limit.text, float(limit.text in broken))
        if broken:
            trial.set_user_attr(BROKEN, broken)
        self.study.tell(trial, figures)


def _short(columns: Mapping[str, Any]) -> dict[str, Any]:
    return {path.rpartition(".")[2]: value for path, value in columns.items()}


def _suggest(trial: Any, path: str, axis: Axis) -> Any:
    """Ask a trial for one axis: numbers in order as numbers, anything else as categories."""
    if axis.low is not None and axis.high is not None:
        if axis.is_integer:
            return trial.suggest_int(path, axis.low, axis.high, log=axis.log)
        return trial.suggest_float(path, axis.low, axis.high, log=axis.log)
    if _is_ordered(axis):
        # The place in the list: neighbours in the list are neighbours for the sampler.
        return axis.values[trial.suggest_int(path, 0, len(axis.values) - 1)]
    return axis.values[trial.suggest_categorical(path, list(range(len(axis.values))))]


def _is_ordered(axis: Axis) -> bool:
    values = axis.values
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    return numbers and list(values) == sorted(values)


def _value(axis: Axis, trial: Any, path: str) -> Any:
    """Return the axis' value of a trial in storage."""
    if path not in trial.params:
        return None
    given = trial.params[path]
    return given if axis.is_interval else axis.values[given]
