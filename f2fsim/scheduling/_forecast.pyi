import numpy as np
from numpy.typing import NDArray

MOST_STREAMS: int

def forecast(
    machine: NDArray[np.float64],
    streams: NDArray[np.float64],
    bands: NDArray[np.float64],
    tiles: NDArray[np.float64],
    cycles: NDArray[np.float64],
    output_bits: float,
    choices: NDArray[np.int64],
    margin: float,
    equal: float,
    again: float,
    found: NDArray[np.float64],
) -> None: ...
