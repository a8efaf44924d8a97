import numpy as np
from numpy.typing import NDArray

def word_rounds(
    columns: NDArray[np.int32],
    neighbours: int,
    first: NDArray[np.int64],
    bounds: NDArray[np.int64],
    n_banks: int,
    window: int,
    seen: NDArray[np.int64],
    stamp: NDArray[np.int64],
    count: NDArray[np.int32],
    of_bank: NDArray[np.int64],
    rounds: NDArray[np.int64],
    distinct: NDArray[np.int64],
    fullest: NDArray[np.int64],
) -> None: ...
def order_cycles(
    rows: NDArray[np.int64],
    word_of: NDArray[np.int32],
    moves: tuple[int, int, int],
    chance: NDArray[np.float32],
    density: float,
    shape: tuple[int, int],
    n_banks: int,
    each: int,
    seen: NDArray[np.int64],
    stamp: NDArray[np.int64],
    count: NDArray[np.int32],
    found: NDArray[np.float64],
) -> None: ...
def update_rounds(
    bank: NDArray[np.int32],
    first: NDArray[np.int64],
    scratch: NDArray[np.int64],
    rounds: NDArray[np.int32],
) -> None: ...
def sort_steps(
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    first: NDArray[np.int64],
    start: NDArray[np.int64],
    out_rows: NDArray[np.int64],
    out_columns: NDArray[np.int64],
) -> None: ...
