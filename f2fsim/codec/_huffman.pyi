import numpy as np
from numpy.typing import NDArray

def decode(
    data: NDArray[np.uint8],
    n_bits: int,
    look_up: NDArray[np.uint16],
    longest: int,
    rest_bits: int,
    first: int,
    stride: int,
    symbols: NDArray[np.uint8],
    rests: NDArray[np.uint32],
) -> int: ...
