"""Run searches and sweeps at once in one folder: ``at_once.py FOLDER search=SPEC sweep=SPEC …``.

One process that forks, so that they begin together and a run costs no imports.
"""

import os
import sys
import traceback

import optuna
import optuna.samplers
import optuna.storages

from f2fsim.config.sweep import load_search, load_sweep
from f2fsim.explore import InProcess, search, sweep
from f2fsim.explore.expand import Expander, expand
from f2fsim.explore.inputs import load_inputs


def main(folder: str, runs: list[tuple[str, str]]) -> int:
    """Return how many of them failed."""
    # Imports and digests are paid once, before the first fork.
    for what, spec in runs:
        if what == "sweep":
            expand(load_sweep(spec), load_inputs(load_sweep(spec)))
        else:
            Expander(load_search(spec), load_inputs(load_search(spec)))
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    children = []
    for what, spec in runs:
        child = os.fork()
        if child == 0:
            try:
                (search if what == "search" else sweep)(spec, out=folder, runner=InProcess())
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        children.append(child)
    return sum(os.waitpid(child, 0)[1] != 0 for child in children)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], [tuple(run.split("=", 1)) for run in sys.argv[2:]]))
