import numpy as np
from numpy.typing import NDArray

def bank_queues(
    mask: NDArray[np.uint8], n_pes: int, n_banks: int, bank: NDArray[np.int32]
) -> None: ...
def window_cycles(
    bank: NDArray[np.int32],
    first: NDArray[np.int64],
    window: int,
    head: NDArray[np.int64],
    tail: NDArray[np.int64],
    granted: NDArray[np.int64],
    out: NDArray[np.int64],
) -> None: ...
def group_cycles(
    bank: NDArray[np.int32],
    first: NDArray[np.int64],
    window: int,
    queue: NDArray[np.int32],
    head: NDArray[np.int64],
    tail: NDArray[np.int64],
    granted: NDArray[np.int64],
    out: NDArray[np.int64],
) -> None: ...
