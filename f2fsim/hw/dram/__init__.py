"""DRAM: command timing, address maps, a compiled engine and its simpy twin, checks and energy."""

from f2fsim.hw.dram._core import DramSystem
from f2fsim.hw.dram.process import DramProcess
from f2fsim.hw.dram.replay import Replay, replay
from f2fsim.hw.dram.stats import COMMANDS, STALL_CAUSES, DramStats, DramStreamStats
from f2fsim.hw.dram.timing import DramParams, dram_params

__all__ = [
    "COMMANDS",
    "STALL_CAUSES",
    "DramParams",
    "DramProcess",
    "DramStats",
    "DramStreamStats",
    "DramSystem",
    "Replay",
    "dram_params",
    "replay",
]
