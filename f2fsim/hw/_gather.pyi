import numpy as np
from numpy.typing import NDArray

def window_cycles(
    bank: NDArray[np.int32],
    pe: NDArray[np.int16],
    first: NDArray[np.int64],
    n_pes: int,
    n_banks: int,
    queue_next: NDArray[np.int32],
    queue_head: NDArray[np.int32],
    granted: NDArray[np.int64],
    out: NDArray[np.int64],
) -> None: ...
