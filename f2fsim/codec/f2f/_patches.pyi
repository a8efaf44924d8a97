import numpy as np
from numpy.typing import NDArray

def unpack_patches(
    data: NDArray[np.uint8],
    n_bits: int,
    base_bits: int,
    step_bits: int,
    n_places: int,
    places: NDArray[np.int64],
) -> int: ...
