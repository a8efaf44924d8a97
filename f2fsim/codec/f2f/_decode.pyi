import numpy as np
from numpy.typing import NDArray

def planes(
    tables: NDArray[np.uint64],
    words: NDArray[np.uint16],
    n_groups: int,
    first: int,
    out: NDArray[np.uint64],
) -> None: ...
def values(
    tables: NDArray[np.uint64],
    words: NDArray[np.uint16],
    n_groups: int,
    first: int,
    n: int,
    block_ptr: NDArray[np.int64],
    pos: NDArray[np.uint16],
    val: NDArray[np.uint32],
) -> None: ...
