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

#: Neighbouring points share machines and more if the same worker runs them: it is given as many at
#: once as take about so many seconds, and at most so many.
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
        source, again = iter(tasks), deque[Task]()
        strikes: dict[str, int] = {}
        suspects: list[Task] = []
        while True:
            lost: list[Task] = []
            yield from self._until_broken(source, again, lost, MOST_IN_BLOCK if ahead else 1)
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
        self, source: Iterator[Task], again: deque[Task], lost: list[Task], most: int
    ) -> Generator[Outcome, None, None]:
        """Yield outcomes until tasks run out or a worker dies (then fill `lost`)."""
        running: dict[Future[tuple[list[Outcome], float]], list[Task]] = {}
        n_next = 1
        with _Pool(self.n_workers) as pool:
            while True:
                while not lost and len(running) <= self.n_workers:
                    block = [again.popleft()] if again else list(islice(source, n_next))
                    if not block:
                        break
                    try:
                        with _interrupts_held():
                            running[pool.submit(_run_block, self.work, block)] = block
                    except BrokenProcessPool:
                        lost += block
                if not running:
                    return
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    block = running.pop(future)
                    try:
                        outcomes, seconds = future.result()
                    except BrokenProcessPool:
                        lost += block
                        continue
                    again.extend(block[len(outcomes) :])
                    yield from outcomes
                    n_next = min(_points_of_a_block(seconds), most)

    def _alone(self, task: Task) -> Outcome:
        with _Pool(1) as pool:
            try:
                return pool.submit(self.work, task).result()
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


class _Pool:
    """A process pool whose workers end with it, whatever happens."""

    def __init__(self, n_workers: int) -> None:
        self._before = set(multiprocessing.active_children())
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(n_workers, context, _start_worker)

    def __enter__(self) -> ProcessPoolExecutor:
        try:
            with _interrupts_held():
                first = self._pool.submit(os.getpid)
            first.result()
        except BrokenProcessPool:
            self._end()
            raise F2fsimError(
                "worker processes do not start; a script that sweeps with several workers needs "
                "its calls under if __name__ == '__main__' (or use workers=1)"
            ) from None
        except BaseException:
            self._end()
            raise
        return self._pool

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        workers = set(multiprocessing.active_children()) - self._before
        # The pool's own thread closes a pipe that the interpreter writes to at its exit if the
        # thread still lives: it is awaited, but never for long (shutdown(wait=True) has no limit).
        manager = getattr(self._pool, "_executor_manager_thread", None)
        self._pool.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join()
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
