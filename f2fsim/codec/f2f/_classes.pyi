import numpy as np
from numpy.typing import NDArray

def cut(
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    totals: NDArray[np.int64],
    n_bits: int,
    max_prefix: int,
    max_codeword: int,
    class_bits: int,
    escape_bits: int,
    choice: NDArray[np.int32],
) -> NDArray[np.int64]: ...
