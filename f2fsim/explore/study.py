"""The trials of a search: asked for in batches, run, told, and published in Optuna's own storage.

What asks is a study in memory.  It is played from the first trial each time: the sampler's seed
depends on the batch's number only and the figures lie in the store, so that a search which goes on
proposes what it proposed before, wherever it was stopped.  The study on disk gets each trial once
and whole, when it is told: a kill leaves the first so many trials of the undisturbed search.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from f2fsim.config.axis import Axis
from f2fsim.config.expression import Expression
from f2fsim.config.sweep import SearchSpec
from f2fsim.errors import InputError, MissingDependencyError
from f2fsim.explore.expand import Expander
from f2fsim.explore.points import Point
from f2fsim.explore.runners import Progress, Runner
from f2fsim.explore.store import Outcome, ResultStore
from f2fsim.explore.sweeps import run_points
from f2fsim.explore.tables import split_objectives

#: User attributes of a trial: its point's digest, why it has no figures, which limits it breaks.
DIGEST, ERROR, BROKEN = "f2fsim:digest", "f2fsim:error", "f2fsim:broken"
_FILE_URL = "sqlite:///"
#: How long the file of a study may be another process's: one that was killed may not be gone yet.
LOCK_SECONDS = 60
#: User attribute of a study: the specification that it was made by.
SPEC = "f2fsim:spec"


@contextmanager
def quiet_optuna() -> Iterator[None]:
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


def open_study(spec: SearchSpec, url: str) -> Any:
    """Return the study of a search on disk, made if it is missing.

    Raises
    ------
    InputError
        If the storage cannot be used, or the study is that of another specification.
    """
    import optuna

    # What decides the trials; more of them may be asked for later.
    data = spec.model_dump(mode="json", exclude={"n_trials", "description"})
    names, _ = split_objectives(spec.objectives)
    try:
        study = optuna.create_study(
            storage=_storage(url),
            study_name=spec.name,
            directions=_directions(spec),
            load_if_exists=True,
        )
    except Exception as error:
        reason = error.__cause__ or error  # Optuna's own words name no cause
        raise InputError(f"{url}: cannot be used as a study: {reason}") from None
    known = study.user_attrs.get(SPEC)
    if known is None:  # new, or its maker was killed right here
        study.set_metric_names(names)
        study.set_user_attr(SPEC, data)
    elif known != data:
        keys = sorted(key for key in data if data[key] != known.get(key))
        raise InputError(
            f"{url}: study {spec.name!r} was made by another specification ({', '.join(keys)} "
            "differ); take another folder or name"
        )
    return study


def _storage(url: str) -> Any:
    """Return a study's storage; one that another process still holds is waited for.

    A file gets its name when all its tables are there: one whose maker is killed meanwhile could
    not be used any more.
    """
    from optuna.storages import RDBStorage

    if not url.startswith(_FILE_URL):
        return RDBStorage(url)
    waiting = {"connect_args": {"timeout": LOCK_SECONDS}}
    path = Path(url.removeprefix(_FILE_URL))
    if not path.exists():
        fresh = path.with_name(f"{path.name}.new")
        for left in (fresh, fresh.with_name(f"{fresh.name}-journal")):
            left.unlink(missing_ok=True)
        made = RDBStorage(f"{_FILE_URL}{fresh}", engine_kwargs=waiting)
        made.remove_session()
        made.engine.dispose()
        fresh.replace(path)
    return RDBStorage(url, engine_kwargs=waiting)


def _directions(spec: SearchSpec) -> list[Literal["minimize", "maximize"]]:
    _, directions = split_objectives(spec.objectives)
    return ["minimize" if direction == "min" else "maximize" for direction in directions]


class Trials:
    """One call's work on a study.

    Parameters
    ----------
    spec : SearchSpec
    expander : Expander
        Of one architecture and one workload.
    store : ResultStore
    study : optuna.Study
        On disk, from `open_study`; nobody else writes to it meanwhile.
    runner : Runner
    """

    def __init__(
        self, spec: SearchSpec, expander: Expander, store: ResultStore, study: Any, runner: Runner
    ) -> None:
        import optuna

        self.spec, self.expander, self.store = spec, expander, store
        self.published, self.runner = study, runner
        there = study.get_trials(deepcopy=False)
        self.digests = [trial.user_attrs.get(DIGEST) for trial in there]  # of published trials
        self.study: Any = optuna.create_study(directions=_directions(spec))
        self.limits = [Expression.parse(text) for text in spec.limits]
        (self.arch_name,), (self.workload_name,) = expander.inputs.archs, expander.inputs.workloads

    def to_the_end(self, n_trials: int, progress: Progress | None) -> int:
        """Go on until the study has `n_trials`; return how many points were simulated."""
        n_run = n_told = 0
        wanted = max(n_trials, len(self.digests))
        while n_told < wanted:
            if progress:
                progress(n_told, n_trials, f"{n_run} points simulated")
            size = min(self.spec.batch, wanted - n_told)
            self.study.sampler = self._sampler(n_told // self.spec.batch)
            n_run += self._batch(size)
            n_told += size
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
        """Ask for trials, run their points, tell and publish their figures."""
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
        told = self.study.get_trials(deepcopy=False)
        for trial, _ in asked:
            self._publish(told[trial.number])
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

    def _publish(self, trial: Any) -> None:
        """Add a told trial to the study on disk, unless it is there.

        Raises
        ------
        InputError
            If another one is in its place.
        """
        if trial.number >= len(self.digests):
            self.published.add_trial(trial)
        elif self.digests[trial.number] != trial.user_attrs[DIGEST]:
            raise InputError(
                f"study {self.spec.name!r}: trial {trial.number} is not this search's own; it was "
                "made by another version of the program or its files; take another folder or name"
            )


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
