import numpy as np
from numpy.typing import NDArray

def pack_fields(
    values: NDArray[np.uint64], widths: NDArray[np.int64], out: NDArray[np.uint8]
) -> None: ...
def unpack_fields(
    data: NDArray[np.uint8], widths: NDArray[np.int64], out: NDArray[np.uint64]
) -> None: ...
