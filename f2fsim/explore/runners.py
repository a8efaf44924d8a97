"""Where points run: in this process, or in several local ones.

A runner takes tasks lazily and yields outcomes as they come, in any order; closing its generator
ends its workers.  (`f2fsim.explore.dask_runner` has the one for clusters.)
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from f2fsim.errors import F2fsimError, InputError
from f2fsim.explore.evaluate import Task, Work, run_task
from f2fsim.explore.store import Outcome

#: A point that was under way when a worker died this often is tried once more, alone.
MAX_STRIKES = 2

#: Neighbouring points share machines and more if the same worker runs them: each has a run of
#: at most so many.
MOST_IN_RUN = 64

#: Of its run it is given as many at once as take about so many seconds, and at most so many.
BLOCK_SECONDS, MOST_IN_BLOCK = 2.0, 16

#: Longest wait for the thread of a pool whose workers have ended.
MANAGER_SECONDS = 5.0


#: Called as (done, total, label): points done of all points, rate and time left.
Progress = Callable[[int, int, str], None]


class Runner(Protocol):
    """Runs tasks; every task taken gives exactly one outcome, even if its worker dies."""

    def run(self, tasks: Iterable[Task], *, ahead: bool = False) -> Generator[Outcome, None, None]:
        """Yield the outcome of every task, in any order.

        With `ahead` more tasks may be taken than there are workers: no outcome decides what comes.
        """


@dataclass(frozen=True)
class InProcess:
    """One point after another in this process."""

    work: Work = run_task

    def run(self, tasks: Iterable[Task], *, ahead: bool = False) -> Generator[Outcome, None, None]:
        """Yield the outcome of every task in order."""
        for task in tasks:
            yield self.work(task)


@dataclass(frozen=True)
class Processes:
    """`n_workers` local processes, started afresh (spawn), so that threads and locks are no danger.

    A worker that dies costs no point: what was under way is run again, and a point during which
    workers died repeatedly runs alone, so that only the one at fault is recorded as failed.
    """

    n_workers: int
    work: Work = run_task

    def run(self, tasks: Iterable[Task], *, ahead: bool = False) -> Generator[Outcome, None, None]:
        """Yield the outcome of every task as it comes; `ahead` lets a worker have neighbours."""
        runs, again = _Runs(iter(tasks), self.n_workers if ahead else 1), deque[Task]()
        strikes: dict[str, int] = {}
        suspects: list[Task] = []
        while True:
            lost: list[Task] = []
            yield from self._until_broken(runs, again, lost, ahead=ahead)
            if not lost:
                break
            for task in lost:
                strikes[task.digest] = strikes.get(task.digest, 0) + 1
                if strikes[task.digest] < MAX_STRIKES:
                    again.append(task)
                else:
                    suspects.append(task)
        for task in suspects:
            yield self._alone(task)

    def _until_broken(
        self, runs: _Runs, again: deque[Task], lost: list[Task], *, ahead: bool
    ) -> Generator[Outcome, None, None]:
        """Yield outcomes until tasks run out or a worker dies (then fill `lost`).

        With `ahead` each worker has a pool and a run of its own, else all have one.
        """
        running: dict[Future[tuple[list[Outcome], float]], tuple[int, list[Task]]] = {}
        width, most = (1, 1) if ahead else (self.n_workers, self.n_workers + 1)
        n_next = [1] * runs.n

        def fill(pools: Sequence[ProcessPoolExecutor]) -> None:
            for lane, pool in enumerate(pools):
                while not lost and sum(of == lane for of, _ in running.values()) < most:
                    block = [again.popleft()] if again else runs.take(lane, n_next[lane], ahead)
                    if not block:
                        break
                    try:
                        with _interrupts_held():
                            running[pool.submit(_run_block, self.work, block)] = lane, block
                    except BrokenProcessPool:
                        lost.extend(block)

        with _Pools(runs.n, width) as pools:
            fill(pools)
            while running:
                outcomes: list[Outcome] = []
                for future in wait(running, return_when=FIRST_COMPLETED)[0]:
                    lane, block = running.pop(future)
                    try:
                        found, seconds = future.result()
                    except BrokenProcessPool:
                        lost.extend(block)
                        continue
                    outcomes += found
                    runs.put_back(lane, block[len(found) :])
                    n_next[lane] = _points_of_a_block(seconds)
                if ahead:  # no worker waits for what becomes of outcomes
                    fill(pools)
                yield from outcomes
                fill(pools)

    def _alone(self, task: Task) -> Outcome:
        with _Pools(1, 1) as pools:
            try:
                return pools[0].submit(self.work, task).result()
            except BrokenProcessPool:
                return Outcome(task.digest, "failed", {}, died(MAX_STRIKES + 1))


def _run_block(work: Work, tasks: Sequence[Task]) -> tuple[list[Outcome], float]:
    """Return the outcomes of some tasks, and the seconds of each on average.

    Points that take longer than those before them are left, all but the first, when the time of a
    block is over: nobody waits for them, and no more is lost by a kill.
    """
    start, outcomes = time.perf_counter(), []
    for task in tasks:
        outcomes.append(work(task))
        seconds = time.perf_counter() - start
        if seconds > BLOCK_SECONDS:
            break
    return outcomes, seconds / len(outcomes)


def _points_of_a_block(seconds: float) -> int:
    """Return how many points of so many seconds take `BLOCK_SECONDS`: a power of two.

    Axes often have two or four values: points that differ in the last of them stay together.
    """
    n = min(int(BLOCK_SECONDS / max(seconds, 1e-6)), MOST_IN_BLOCK)
    return 1 << max(n.bit_length() - 1, 0)


def died(n_times: int) -> str:
    """Return the error of a point whose workers died."""
    return (
        f"the worker process died {n_times} times during this point: killed, out of memory, or a "
        "crash"
    )


class _Runs:
    """Tasks as workers take them: each from a run of neighbours of its own, of `n` runs.

    At the end a worker takes over half of what is left of the longest run.
    """

    def __init__(self, source: Iterator[Task], n: int) -> None:
        self.n, self._source = n, source
        self._runs = [deque[Task]() for _ in range(n)]
        self._is_begun = False

    def take(self, lane: int, n_tasks: int, ahead: bool) -> list[Task]:
        """Return the next tasks of a run, none at the end; the fewer, the fewer are left in it."""
        if not ahead:
            return list(islice(self._source, 1))
        run = self._runs[lane]
        if not run:
            self._refill(lane)
        return [run.popleft() for _ in range(min(n_tasks, -(-len(run) // 4)))]

    def put_back(self, lane: int, tasks: Sequence[Task]) -> None:
        """Put tasks that were taken before their run."""
        self._runs[lane].extendleft(reversed(tasks))

    def _refill(self, lane: int) -> None:
        if not self._is_begun:
            self._is_begun = True
            first = list(islice(self._source, self.n * MOST_IN_RUN))
            for i, run in enumerate(self._runs):
                run.extend(first[i * len(first) // self.n : (i + 1) * len(first) // self.n])
        run = self._runs[lane]
        if not run:
            run.extend(islice(self._source, MOST_IN_RUN))
        if not run:
            longest = max(self._runs, key=len)
            run.extendleft([longest.pop() for _ in range((len(longest) + 1) // 2)])


class _Pools:
    """Process pools of so many workers each, which end with them, whatever happens."""

    def __init__(self, n_pools: int, n_workers: int) -> None:
        self._before = set(multiprocessing.active_children())
        context = multiprocessing.get_context("spawn")
        self._pools = [
            ProcessPoolExecutor(n_workers, context, _start_worker) for _ in range(n_pools)
        ]

    def __enter__(self) -> Sequence[ProcessPoolExecutor]:
        try:
            with _interrupts_held():
                first = [pool.submit(os.getpid) for pool in self._pools]
            for one in first:
                one.result()
        except BrokenProcessPool:
            self._end()
            raise F2fsimError(
                "worker processes do not start; a script that sweeps with several workers needs "
                "its calls under if __name__ == '__main__' (or use workers=1)"
            ) from None
        except BaseException:
            self._end()
            raise
        return self._pools

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        workers = set(multiprocessing.active_children()) - self._before
        # A pool's own thread closes a pipe that the interpreter writes to at its exit if the
        # thread still lives: it is awaited, but never for long (shutdown(wait=True) has no limit).
        managers = [getattr(one, "_executor_manager_thread", None) for one in self._pools]
        for pool in self._pools:
            pool.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join()
        for manager in managers:
            if manager is not None:
                manager.join(timeout=MANAGER_SECONDS)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Start workers with Ctrl-C blocked: it reaches the whole terminal group, also while they load.

    Workers keep the mask; here an interrupt comes as soon as the block is left.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker() -> None:
    """Leave Ctrl-C to the parent; end when the parent is gone: a killed sweep leaves nothing."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:

        def watch() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()


def local_runner(n_workers: int | None, work: Work = run_task) -> Runner:
    """Return the runner for a number of workers: all cores by default, this process for one.

    Raises
    ------
    InputError
        If the number is not positive.
    """
    if n_workers is None:
        available = getattr(os, "sched_getaffinity", None)
        n_workers = len(available(0)) if available else os.cpu_count() or 1
    if n_workers < 1:
        raise InputError(f"workers must be ≥ 1, got {n_workers}")
    return InProcess(work) if n_workers == 1 else Processes(n_workers, work)
