"""Design spaces: sweeps and searches that stop and go on, on one machine or a cluster."""

from f2fsim.explore.pareto import pareto_mask
from f2fsim.explore.runners import InProcess, Processes, Runner
from f2fsim.explore.searches import SearchResult, search
from f2fsim.explore.store import Outcome, ResultStore
from f2fsim.explore.sweeps import SweepResult, sweep

__all__ = [
    "InProcess",
    "Outcome",
    "Processes",
    "ResultStore",
    "Runner",
    "SearchResult",
    "SweepResult",
    "pareto_mask",
    "search",
    "sweep",
]
