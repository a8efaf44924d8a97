"""Run a search in a child and SIGKILL it at random moments, twenty times; then run it to the end.

Usage: kill_search.py SPEC FOLDER SEED.  One process that forks, so that a run costs no imports.
Prints how many trials each kill left behind.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import optuna
import optuna.samplers
import optuna.storages

from f2fsim.config.sweep import load_search
from f2fsim.explore import InProcess, search
from f2fsim.explore.expand import Expander
from f2fsim.explore.inputs import load_inputs


def main(spec: str, folder: Path, seed: int) -> None:
    rng = random.Random(seed)
    loaded = load_search(spec)
    Expander(loaded, load_inputs(loaded))  # imports and digests are paid once
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    n_kills = 0
    while n_kills < 20:
        child = os.fork()
        if child == 0:
            search(spec, out=folder, runner=InProcess())
            os._exit(0)
        time.sleep(rng.uniform(0.1, 0.8))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        n_kills += os.WIFSIGNALED(status)
        left = 0
        if (folder / "study.sqlite").exists():
            child = os.fork()
            if child == 0:
                os._exit(_n_trials(folder, loaded.name))
            _, ended = os.waitpid(child, 0)
            left = os.waitstatus_to_exitcode(ended)
        sys.stdout.write(f"{n_kills} {left}\n")
        sys.stdout.flush()
        if not os.WIFSIGNALED(status):
            break
    search(spec, out=folder, runner=InProcess())


def _n_trials(folder: Path, name: str) -> int:
    try:
        study = optuna.load_study(study_name=name, storage=f"sqlite:///{folder / 'study.sqlite'}")
        return len(study.trials)
    except Exception:  # killed before the study was made
        return 0


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
