from typing import Any

import numpy as np
from numpy.typing import NDArray

def bits_outside(patterns: NDArray[Any], mask: NDArray[np.uint8]) -> int: ...
def rank_blocks(
    mask: NDArray[np.uint8],
    block: int,
    binomial: NDArray[np.uint64],
    ranks: NDArray[np.uint64],
    raw: NDArray[np.uint64],
) -> None: ...
def read_blocks(
    data: NDArray[np.uint8],
    n_bits: int,
    block: int,
    word_bits: int,
    binomial: NDArray[np.uint64],
    first: NDArray[np.uint64],
    escapes: bool,
    mask: NDArray[np.uint8],
) -> bool: ...
def write_rice(gaps: NDArray[np.int64], k: int, out: NDArray[np.uint8]) -> None: ...
def read_rice(data: NDArray[np.uint8], n_bits: int, k: int, mask: NDArray[np.uint8]) -> bool: ...
def write_golomb(
    gaps: NDArray[np.int64], parameters: NDArray[np.int64], at: int, out: NDArray[np.uint8]
) -> None: ...
def read_classes(
    data: NDArray[np.uint8],
    n_bits: int,
    at: int,
    parameters: NDArray[np.int64],
    rows: NDArray[np.uint8],
    columns: NDArray[np.uint8],
    n_column_classes: int,
    order: int,
    step: int,
    mask: NDArray[np.uint8],
) -> bool: ...
