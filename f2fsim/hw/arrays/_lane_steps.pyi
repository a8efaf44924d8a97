import numpy as np
from numpy.typing import NDArray

def cut_groups(
    kept: NDArray[np.int64],
    first_kept: NDArray[np.int64],
    n_rows: NDArray[np.int64],
    n_cols: int,
    lanes: int,
    ways: tuple[bool, bool],
    scale_bits: NDArray[np.int64],
    bounds: NDArray[np.int64],
    n_weights: NDArray[np.int64],
    n_kept: NDArray[np.int64],
    rows_done: NDArray[np.int64],
    scales: NDArray[np.int64],
) -> None: ...
def share_windows(
    total: NDArray[np.int64],
    bounds: NDArray[np.int64],
    window: int,
    each: int,
    added: NDArray[np.int64],
    least_last: NDArray[np.int64],
    least: int,
    found: NDArray[np.int64],
) -> None: ...
