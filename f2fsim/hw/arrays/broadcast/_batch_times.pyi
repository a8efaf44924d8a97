import numpy as np
from numpy.typing import NDArray

def batch_cycles(
    entries: NDArray[np.int32],
    columns: NDArray[np.int32],
    first: NDArray[np.int64],
    depth: int,
    finished: NDArray[np.int32],
    out: NDArray[np.int64],
) -> None: ...
