"""Points on a Dask cluster: the same tasks, the same outcomes, on whatever workers there are."""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from f2fsim.errors import F2fsimError, InputError, MissingDependencyError
from f2fsim.explore.evaluate import Task, Work, run_task
from f2fsim.explore.runners import MAX_STRIKES, died
from f2fsim.explore.store import Outcome

#: Tasks handed to the scheduler for each thread of the cluster: enough that no thread waits.
TASKS_PER_THREAD = 3
CONNECT_SECONDS = 30


@dataclass(frozen=True)
class DaskCluster:
    """A Dask cluster, by the address of its scheduler or the path of its scheduler file.

    The scheduler runs a lost worker's tasks elsewhere by itself; a task that took several workers
    with it is given up by Dask (``allowed-failures``) and recorded as failed here.  The cluster may
    grow and shrink while a sweep runs.  Workers need f2fsim in the version of the sweep, and the
    weight files.
    """

    scheduler: str
    work: Work = run_task

    def run(self, tasks: Iterable[Task], *, ahead: bool = False) -> Generator[Outcome, None, None]:
        """Yield the outcome of every task as it comes."""
        client = self._connect()
        try:
            yield from self._run(client, iter(tasks))
        finally:
            client.close()

    def _connect(self) -> Any:
        try:
            distributed: Any = importlib.import_module("distributed")
        except ImportError:
            raise MissingDependencyError(
                "a Dask runner needs the package distributed; run: pip install 'f2fsim[dask]'"
            ) from None
        address = self.scheduler if "://" in self.scheduler else _address(Path(self.scheduler))
        try:
            return distributed.Client(address, timeout=CONNECT_SECONDS)
        except (OSError, TimeoutError, ValueError) as error:
            where = address if address == self.scheduler else f"{address} ({self.scheduler})"
            raise InputError(f"dask: no scheduler at {where}: {error}") from None

    def _run(self, client: Any, source: Iterator[Task]) -> Generator[Outcome, None, None]:
        distributed: Any = importlib.import_module("distributed")
        cancelled = importlib.import_module("distributed.client").FutureCancelledError
        running: dict[str, Task] = {}
        strikes: dict[str, int] = {}
        completed = distributed.as_completed()

        def submit(task: Task) -> None:
            future = client.submit(self.work, task, pure=False)
            running[future.key] = task
            completed.add(future)

        def fill() -> None:
            while len(running) < self._window(client):
                task = next(source, None)
                if task is None:
                    return
                submit(task)

        fill()
        for future in completed:
            task = running.pop(future.key)
            error = future.exception()
            if error is None:
                yield future.result()
            elif isinstance(error, distributed.KilledWorker):
                yield Outcome(task.digest, "failed", {}, f"dask: {error}")
            elif isinstance(error, cancelled):
                # The scheduler lost the task: it is given again, a few times.
                strikes[task.digest] = strikes.get(task.digest, 0) + 1
                if strikes[task.digest] > MAX_STRIKES:
                    yield Outcome(task.digest, "failed", {}, died(strikes[task.digest]))
                elif client.status != "running":
                    raise F2fsimError(f"dask: the connection to {self.scheduler} is lost")
                else:
                    submit(task)
            else:
                yield Outcome(
                    task.digest, "failed", {}, f"{type(error).__name__} on a worker: {error}"
                )
            fill()

    def _window(self, client: Any) -> int:
        """Return how many tasks may be out at once, from the workers there are just now."""
        n_threads = int(sum(client.nthreads().values()))
        return max(8, math.ceil(TASKS_PER_THREAD * n_threads))


def _address(file: Path) -> str:
    """Return the address that a scheduler file holds."""
    if not file.is_file():
        raise InputError(
            f"dask: {str(file)!r} is neither an address (tcp://host:8786) nor a scheduler file: "
            "there is no such file"
        )
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["address"])
    except (OSError, ValueError, TypeError, KeyError):
        raise InputError(
            f"dask: {file}: is no scheduler file (JSON with an address, as written by dask "
            "scheduler --scheduler-file)"
        ) from None
