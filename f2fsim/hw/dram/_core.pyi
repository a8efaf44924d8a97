import numpy as np
from numpy.typing import NDArray

from f2fsim.hw.dram.stats import DramStats
from f2fsim.hw.dram.timing import DramParams

class DramSystem:
    params: DramParams
    n_streams: int
    n_channels: int
    def __init__(self, params: DramParams, n_streams: int = 1, trace: bool = False) -> None: ...
    def offer_request(self, stream: int, address: int, clock: int, is_write: bool) -> None: ...
    def advance_once(self) -> list[tuple[int, int, int]]: ...
    def finish_at(self, end_clock: int) -> None: ...
    def replay_into(
        self,
        addresses: NDArray[np.int64],
        is_write: NDArray[np.int8],
        clocks: NDArray[np.int64],
        streams: NDArray[np.int32],
        max_outstanding: int,
        in_order: bool,
        done: NDArray[np.int64],
        enter: NDArray[np.int64],
    ) -> None: ...
    def stats(self) -> DramStats: ...
    def command_trace(self) -> NDArray[np.int64]: ...
