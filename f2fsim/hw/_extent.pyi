import numpy as np
from numpy.typing import NDArray

def extent_of(values: NDArray[np.int64]) -> tuple[int, int, int]: ...
