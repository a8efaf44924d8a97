import numpy as np
from numpy.typing import NDArray

def word_queues(mask: NDArray[np.uint8], n_pes: int, word: NDArray[np.int32]) -> None: ...
def window_cycles(
    word: NDArray[np.int32],
    bank_of: NDArray[np.int32],
    shares: bool,
    first: NDArray[np.int64],
    window: int,
    ends: NDArray[np.int64],
    granted: NDArray[np.int64],
    given: NDArray[np.int32],
    seen: NDArray[np.int64],
    of_bank: NDArray[np.int64],
    cycles: NDArray[np.int64],
    reads: NDArray[np.int64],
) -> None: ...
def group_cycles(
    word: NDArray[np.int32],
    bank_of: NDArray[np.int32],
    shares: bool,
    first: NDArray[np.int64],
    bounds: NDArray[np.int64],
    window: int,
    queue: NDArray[np.int32],
    ends: NDArray[np.int64],
    granted: NDArray[np.int64],
    given: NDArray[np.int32],
    seen: NDArray[np.int64],
    of_bank: NDArray[np.int64],
    cycles: NDArray[np.int64],
    reads: NDArray[np.int64],
) -> None: ...
