import numpy as np
from numpy.typing import NDArray

def unpack_events(
    data: NDArray[np.uint8],
    at: int,
    end: int,
    base_bits: int,
    step_bits: int,
    extra_bits: int,
    n_places: int,
    places: NDArray[np.int64],
    extras: NDArray[np.uint32],
) -> int: ...
