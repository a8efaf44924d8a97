from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from f2fsim.hw.dram import DramSystem

Rows = Sequence[Sequence[int]]

class Network:
    def __init__(
        self,
        pool: NDArray[np.int64],
        tables: tuple[Rows, Rows, Rows, Rows, Rows],
        ring_size: int,
        n_marks: int,
        burst_bytes: int,
        ticks_per_clock: int,
        dram: DramSystem | None,
    ) -> None: ...
    def run(self) -> bool: ...
    def waits_on(self, p: int) -> int: ...
    def part_counts(self) -> list[tuple[int, int]]: ...
    def port_stalls(self) -> tuple[list[int], list[int]]: ...
    def stream_stalls(self) -> list[tuple[int, int, int]]: ...
    def mark_times(self) -> list[int]: ...
