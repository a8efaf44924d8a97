from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.hw.dram import DramSystem

Array = NDArray[np.int64]

class Network:
    busy: Array
    end: Array
    in_stall: Array
    out_stall: Array
    stall_memory: Array
    stall_other: Array
    stall_gate: Array
    mark_time: Array
    def __init__(
        self,
        tables: tuple[Array, ...],
        state: tuple[NDArray[Any], ...],
        burst_bytes: int,
        ticks_per_clock: int,
        dram: DramSystem | None,
    ) -> None: ...
    def run(self) -> bool: ...
    def waits_on(self, p: int) -> int: ...
