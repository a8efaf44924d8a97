import numpy as np
from numpy.typing import NDArray

def band_cycles(
    kept: NDArray[np.int64],
    n_cells: int,
    decoder: tuple[int, int, int, int],
    matched: tuple[int, int],
    patching: tuple[int, float, int, float],
    flipping: tuple[float, float, float, float],
    chance: NDArray[np.float64],
    demand: NDArray[np.int64],
    state: NDArray[np.float64],
) -> tuple[float, float, float]: ...
