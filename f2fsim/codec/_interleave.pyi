import numpy as np
from numpy.typing import NDArray

def stream_entries(
    mask: NDArray[np.uint8],
    patterns: NDArray[np.unsignedinteger],
    n_pes: int,
    next_place: NDArray[np.int64],
    cols: NDArray[np.int32],
    values: NDArray[np.unsignedinteger],
) -> None: ...
