"""`sweep`: from a specification to a filled store, whatever happens on the way."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from f2fsim.config.arch import ArchConfig
from f2fsim.config.sweep import WORKLOAD_WORDS, SweepSpec, load_sweep, make_sweep
from f2fsim.config.workload import Workload
from f2fsim.errors import InputError
from f2fsim.explore.evaluate import Task
from f2fsim.explore.expand import expand
from f2fsim.explore.inputs import load_inputs
from f2fsim.explore.points import Point
from f2fsim.explore.runners import Progress, Runner, local_runner
from f2fsim.explore.sensitivity import sensitivity
from f2fsim.explore.store import ResultStore
from f2fsim.explore.tables import best_rows, member_rows, pareto_rows, to_frame
from f2fsim.explore.unbeaten import run_unbeaten

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class SweepResult:
    """A sweep in its store.

    Attributes
    ----------
    store : ResultStore
    sweep : str
        Key of the sweep in the store.
    spec : SweepSpec
    n_run : int
        Points that this call ran; the others were in the store already.
    pruned : mapping of str to mapping
        Least figures of the points that this call left out since bounds rule them out, by digest.
    """

    store: ResultStore
    sweep: str
    spec: SweepSpec
    n_run: int
    pruned: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __repr__(self) -> str:
        text = ", ".join(f"{n} {status}" for status, n in self.counts().items() if n)
        axes = ", ".join(self.spec.axes)
        return f"SweepResult {self.spec.name!r} over {axes}: {text}; {self.n_run} run by this call"

    def rows(self, *, baselines: bool = False) -> list[dict[str, Any]]:
        """Return one flat row a point in the sweep's order (see `member_rows`).

        The status of points that were left out is ``bound``; their ``least_…`` figures rule them
        out.
        """
        roles = ("point", "baseline") if baselines else ("point",)
        rows = member_rows(self.store.members(self.sweep), roles)
        if not self.pruned:
            return rows
        names = dict.fromkeys(name for least in self.pruned.values() for name in least)
        for row in rows:
            least = self.pruned.get(row["digest"], {})
            row |= {name: least.get(name) for name in names}
            if row["digest"] in self.pruned and row["status"] == "missing":
                row |= {"status": "bound", "error": "its least figures are beaten"}
        return rows

    def frame(self, *, baselines: bool = False) -> pd.DataFrame:
        """Return the points as a DataFrame, one row a point in the sweep's order."""
        return to_frame(self.rows(baselines=baselines))

    def pareto(self, objectives: Sequence[str] = (), by: Sequence[str] = ()) -> pd.DataFrame:
        """Return the points on the Pareto front of the objectives (the specification's own).

        With `by`, a front for each group of points with equal values of these columns.
        """
        return pareto_rows(self.frame(), objectives or self.spec.objectives, by)

    def best(self, objective: str = "", by: Sequence[str] = (), n_best: int = 1) -> pd.DataFrame:
        """Return the best points by an objective, of all or of each group."""
        return best_rows(self.frame(), objective or self.spec.objectives[0], by, n_best)

    def sensitivity(self, objective: str = "") -> list[dict[str, Any]]:
        """Return which axis matters how much for an objective, the most important first."""
        axes = ["arch", "workload", *self.spec.axes]
        return sensitivity(self.frame(), axes, objective or self.spec.objectives[0])

    def counts(self) -> dict[str, int]:
        """Return how many points (baselines included) have each status."""
        (row,) = (row for row in self.store.sweeps() if row["sweep"] == self.sweep)
        return {s: row[s] for s in ("ok", "failed", "invalid", "excluded", "missing")}


def sweep(
    spec: SweepSpec | str | Path | None = None,
    *,
    arch: ArchConfig | str | Path | Sequence[ArchConfig | str | Path] = (),
    workload: Workload | str | Path | Sequence[Workload | str | Path] = (),
    axes: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    workers: int | None = None,
    dask: str | None = None,
    runner: Runner | None = None,
    retry_failed: bool = False,
    prune: bool = False,
    progress: Progress | None = None,
    **fields: Any,
) -> SweepResult:
    """Run every point of a design space that the store does not hold yet.

    Parameters
    ----------
    spec : SweepSpec or path, optional
        A specification; or, in its place, `arch`, `workload`, `axes` and any other key of a
        specification (``constraints=["n_out > n_in"]``).  ``sparsity``, ``weight_type``, ``batch``
        and ``seed`` of all workloads may be given as well, in place of an axis of that name.
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
    prune : bool
        Whether points are left out whose least figures are beaten by another point of the same
        workload in every objective of the specification (`f2fsim.explore.unbeaten`).
    progress : callable, optional
        Called after each point with (done, total, label).

    Returns
    -------
    SweepResult

    Raises
    ------
    InputError
        For anything wrong with the specification or the store.  A point that fails does not raise:
        it is recorded with its error.
    """
    archs, arch_names = _objects(arch, ArchConfig)
    workloads, workload_names = _objects(workload, Workload)
    conditions = {word: fields.pop(word) for word in WORKLOAD_WORDS if word in fields}
    chosen = _spec(spec, arch_names, workload_names, axes, fields).with_conditions(conditions)
    if runner is None:
        runner = make_runner(workers, dask)
    points = expand(chosen, load_inputs(chosen, archs, workloads))
    store = ResultStore(None if out is None else Path(out))
    key = store.begin(chosen.name, chosen.model_dump(mode="json"), points)
    if not prune:
        n_run = run_points(store, points, chosen.engine, runner, retry_failed, progress)
        return SweepResult(store, key, chosen, n_run)
    how = chosen.objectives, chosen.engine, runner, retry_failed, progress
    n_run, pruned = run_unbeaten(store, points, *how)
    return SweepResult(store, key, chosen, n_run, pruned)


def _objects(given: Any, kind: type[Any]) -> tuple[list[Any], list[str]]:
    """Split what was given into configurations and names."""
    several = list(given) if isinstance(given, list | tuple) else [given]
    objects = [one for one in several if isinstance(one, kind)]
    return objects, [str(one) for one in several if not isinstance(one, kind)]


def _spec(
    spec: SweepSpec | str | Path | None,
    archs: list[str],
    workloads: list[str],
    axes: Mapping[str, Any] | None,
    fields: dict[str, Any],
) -> SweepSpec:
    if spec is None:
        return make_sweep(archs=archs, workloads=workloads, axes=dict(axes or {}), **fields)
    loaded = spec if isinstance(spec, SweepSpec) else load_sweep(spec)
    if not (archs or workloads or axes or fields):
        return loaded
    changed = {name: getattr(loaded, name) for name in loaded.model_fields_set}
    changed |= {"archs": archs} if archs else {}
    changed |= {"workloads": workloads} if workloads else {}
    changed |= {"axes": {**loaded.axes, **axes}} if axes else {}
    return make_sweep(**changed, **fields).with_folder(loaded.folder)


def make_runner(workers: int | None, dask: str | None) -> Runner:
    """Return the runner that was asked for: local processes, or a Dask cluster."""
    if dask is None:
        return local_runner(workers)
    if workers is not None:
        raise InputError("workers has no meaning with dask: the cluster has its own")
    from f2fsim.explore.dask_runner import DaskCluster

    return DaskCluster(dask)


def run_points(
    store: ResultStore,
    points: Sequence[Point],
    engine: str,
    runner: Runner,
    retry_failed: bool = False,
    progress: Progress | None = None,
) -> int:
    """Run the points that the store lacks and record each as it comes; return how many ran."""
    known = store.statuses()
    finished = {"ok", "excluded"} if retry_failed else {"ok", "excluded", "invalid", "failed"}
    wanted = {
        point.digest: point
        for point in points
        if point.status == "ready" and known.get(point.digest) not in finished
    }
    meter = _Meter({point.digest for point in points}, set(wanted), known, progress)

    def tasks() -> Iterator[Task]:
        # Points of one workload come together: a worker keeps its layers.
        for point in _by_workload(list(wanted.values())):
            if known.get(point.digest) is None and store.status(point.digest) == "ok":
                meter.add("ok", ran=False)  # another sweep was faster
                continue
            yield Task.of(point, engine)

    n_run = 0
    outcomes = runner.run(tasks(), ahead=True)
    with contextlib.closing(outcomes):
        for outcome in outcomes:
            store.put(outcome)
            n_run += 1
            meter.add(outcome.status)
    return n_run


def _by_workload(points: Sequence[Point]) -> list[Point]:
    """Sort points so that those of one workload follow each other, otherwise as they were."""
    groups: dict[int, list[Point]] = {}
    for point in points:
        groups.setdefault(id(point.workload), []).append(point)
    return [point for group in groups.values() for point in group]


class _Meter:
    """Counts points and tells rate and time left."""

    def __init__(
        self,
        every: set[str],
        wanted: set[str],
        known: Mapping[str, str],
        progress: Progress | None,
    ) -> None:
        self._total = len(every)
        self._done = len(every) - len(wanted)
        self._left = len(wanted)
        self._bad = sum(known.get(d) in ("failed", "invalid") for d in every - wanted)
        self._progress = progress
        self._start = time.monotonic()
        self._n_run = 0
        self._tell()

    def add(self, status: str, *, ran: bool = True) -> None:
        self._done += 1
        self._left -= 1
        self._n_run += ran
        self._bad += status != "ok"
        self._tell()

    def _tell(self) -> None:
        if self._progress is None:
            return
        took = time.monotonic() - self._start
        label = f"{self._bad} failed" if self._bad else ""
        if self._n_run and took > 0:
            rate = self._n_run / took
            left = f"{rate:.2f} points/s, {_duration(self._left / rate)} left"
            label = f"{left}, {label}" if label else left
        self._progress(self._done, self._total, label)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
