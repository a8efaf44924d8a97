"""Run a sweep in a child and SIGKILL it at random moments, twenty times; then run it to the end.

Usage: kill_sweep.py SPEC FOLDER SEED.  One process without threads that forks, so that a run costs
no imports and twenty kills take seconds.  Prints how many points each kill left behind.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

from f2fsim.config.sweep import load_sweep
from f2fsim.explore import InProcess, ResultStore, sweep
from f2fsim.explore.expand import expand
from f2fsim.explore.inputs import load_inputs


def main(spec: str, folder: Path, seed: int) -> None:
    rng = random.Random(seed)
    loaded = load_sweep(spec)
    expand(loaded, load_inputs(loaded))  # imports and digests are paid once
    n_kills = 0
    while n_kills < 20:
        child = os.fork()
        if child == 0:
            sweep(spec, out=folder, runner=InProcess())
            os._exit(0)
        time.sleep(rng.uniform(0.0, 0.12))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        n_kills += os.WIFSIGNALED(status)
        left = 0
        if (folder / "sweep.sqlite").exists():
            with ResultStore(folder) as store:
                left = len(store.statuses())
        sys.stdout.write(f"{n_kills} {left}\n")
        sys.stdout.flush()
        if not os.WIFSIGNALED(status):
            break
    sweep(spec, out=folder, runner=InProcess())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
