"""Run a sweep, search or duel in a child and SIGKILL it at random moments, twenty times; then to the end.

Usage: kill_run.py sweep|search|duel SPEC FOLDER SEED.  One process that forks, so that a run costs no
imports.  Prints how many points or trials each kill left behind.
"""

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import optuna
import optuna.samplers
import optuna.storages

from f2fsim.config.duel import load_duel
from f2fsim.config.sweep import load_search, load_sweep
from f2fsim.explore import InProcess, ResultStore, search, sweep
from f2fsim.explore.duel import duel
from f2fsim.explore.duel_space import Space
from f2fsim.explore.expand import Expander, expand
from f2fsim.explore.inputs import load_inputs


def n_points(folder: Path) -> int:
    if not (folder / "sweep.sqlite").exists():
        return 0
    with ResultStore(folder) as store:
        return len(store.statuses())


def n_trials(folder: Path, name: str) -> int:
    if not (folder / "study.sqlite").exists():
        return 0
    try:
        study = optuna.load_study(study_name=name, storage=f"sqlite:///{folder / 'study.sqlite'}")
        return len(study.trials)
    except Exception:  # killed before the study was made
        return 0


def in_a_child(count: Callable[[], int]) -> int:
    """A fork counts, so that no thread and no open database is left in the process that forks."""
    child = os.fork()
    if child == 0:
        os._exit(count())
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill_twenty_times(
    run: Callable[[], object],
    count: Callable[[], int],
    seconds: tuple[float, float],
    seed: int,
    later: float = 1.0,
) -> None:
    """Kill it after a time of `seconds`, each time later by a factor, so that all of it is met."""
    rng = random.Random(seed)
    n_kills = 0
    while n_kills < 20:
        child = os.fork()
        if child == 0:
            run()
            os._exit(0)
        time.sleep(rng.uniform(*seconds) * later**n_kills)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        n_kills += os.WIFSIGNALED(status)
        sys.stdout.write(f"{n_kills} {in_a_child(count)}\n")
        sys.stdout.flush()
        if not os.WIFSIGNALED(status):
            break
    run()


def main(what: str, spec: str, folder: Path, seed: int) -> None:
    # Imports and digests are paid once, before the first fork.
    if what == "sweep":
        one = load_sweep(spec)
        expand(one, load_inputs(one))
        kill_twenty_times(
            lambda: sweep(spec, out=folder, runner=InProcess()),
            lambda: n_points(folder),
            (0.0, 0.12),
            seed,
        )
        return
    if what == "duel":
        Space(load_duel(spec)).contests()
        kill_twenty_times(
            lambda: duel(spec, out=folder, runner=InProcess(), reasons=False),
            lambda: n_points(folder),
            (0.05, 0.2),
            seed,
            later=1.15,
        )
        return
    asked = load_search(spec)
    Expander(asked, load_inputs(asked))
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    kill_twenty_times(
        lambda: search(spec, out=folder, runner=InProcess()),
        lambda: n_trials(folder, asked.name),
        (0.05, 0.5),
        seed,
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
