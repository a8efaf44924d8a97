import numpy as np
from numpy.typing import NDArray

def encode(
    columns: NDArray[np.uint64],
    n_in: int,
    n_s: int,
    block_ptr: NDArray[np.int64],
    pos: NDArray[np.uint16],
    val: NDArray[np.uint32],
    plane: int,
    first: int,
    stride: int,
    n_steps: int,
    wide: bool,
    slots: int,
    direct: bool,
    words: NDArray[np.uint16],
) -> int: ...
