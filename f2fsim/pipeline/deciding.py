"""What decides a layer's machine and its run, as keys of what runs share (`f2fsim.sharing`).

A machine in time follows from the layer, its plan, and an architecture without its names, prices
and the keys that only plans are chosen by.
"""

from __future__ import annotations

from f2fsim.config.arch import ArchConfig
from f2fsim.hw.arrays import array_kind
from f2fsim.hw.front_ends import front_end_kind

#: Keys of an architecture that a planned layer's machine does not follow from.  Of the memory it
#: has the parameters (`DramParams`); a network's cores and vector unit are not in a layer.
NOT_OF_A_LAYER = ("name", "description", "memory", "schedule", "cost_table", "cores", "vector")


def decided_by_arch(arch: ArchConfig) -> str:
    """Return what of an architecture decides the machine of a layer with a plan, as text.

    How much memories hold decides plans, areas and energies; kinds that ask for it when they build
    say so (`sized_by_capacity`).
    """
    data = arch.model_dump(mode="json", exclude=set(NOT_OF_A_LAYER))
    if not (array_kind(arch).sized_by_capacity or front_end_kind(arch).sized_by_capacity):
        del data["scratchpad"]["capacity"]
        del data["pe_array"]["accumulators"]["capacity"]
    return str(data)
