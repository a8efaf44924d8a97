import numpy as np
from numpy.typing import NDArray

def encode(
    matrix: NDArray[np.uint64],
    n_in: int,
    n_s: int,
    block_ptr: NDArray[np.int64],
    pos: NDArray[np.uint16],
    val: NDArray[np.uint32],
    first: int,
    stride: int,
    n_keep: int,
    n_ahead: int,
    search: int,
    fill: NDArray[np.uint8],
    words: NDArray[np.uint16],
) -> None: ...
