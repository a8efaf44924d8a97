from numpy import int32, int64
from numpy.typing import NDArray

def take_packets(
    bank: NDArray[int32],
    row: NDArray[int32],
    n_lanes: int,
    depth: int,
    n_slots: int,
    row_cycles: int,
    queue: NDArray[int32],
    ends: NDArray[int64],
    slot: NDArray[int32],
    busy: NDArray[int64],
    taken: NDArray[int64],
    waits: NDArray[int64],
) -> None: ...
