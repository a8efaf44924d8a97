import numpy as np
from numpy.typing import NDArray

def planes(
    tables: NDArray[np.uint64],
    words: NDArray[np.uint16],
    n_groups: int,
    first: int,
    out: NDArray[np.uint64],
) -> None: ...
def values(
    tables: NDArray[np.uint64],
    words: NDArray[np.uint16],
    n_groups: int,
    first: int,
    n: int,
    block_ptr: NDArray[np.int64],
    pos: NDArray[np.uint16],
    val: NDArray[np.uint32],
) -> None: ...
def instruction_set() -> int: ...
def has_set(number: int) -> bool: ...
def unpack(
    tables: NDArray[np.uint64],
    words: NDArray[np.uint16],
    n_groups: int,
    n_out: int,
    mask: NDArray[np.uint8],
    row_of: NDArray[np.int64],
    inversion: int,
    patches: NDArray[np.int64],
    values: tuple[int, ...],
    look_up: NDArray[np.uint8],
    classes: NDArray[np.uint32],
    part: tuple[int, int, int, int],
    n_bytes: int,
    n_coded: int,
    instructions: int,
    patterns: NDArray[np.uint8],
) -> None: ...
