import numpy as np
from numpy.typing import NDArray

def gather_mask(
    mask: NDArray[np.uint8],
    kind: int,
    step: int,
    row_order: NDArray[np.int64],
    out: NDArray[np.uint8],
) -> None: ...
def gather_care(
    mask_seq: NDArray[np.uint8],
    patterns: NDArray[np.unsignedinteger],
    kind: int,
    step: int,
    row_order: NDArray[np.int64],
    n_out: int,
    block_ptr: NDArray[np.int64],
    pos: NDArray[np.uint16],
    val: NDArray[np.uint32],
) -> None: ...
def to_matrix(
    sequence: NDArray[np.uint8],
    size: int,
    n_rows: int,
    skew: bool,
    pass_of: NDArray[np.int64],
    row_order: NDArray[np.int64],
    first: int,
    end: int,
    out: NDArray[np.uint8],
) -> None: ...
def count_checks(
    n_u: NDArray[np.int64], fill: NDArray[np.uint8], n_s: int, n_groups: int
) -> int: ...
def kept_places(
    mask_seq: NDArray[np.uint8],
    n_out: int,
    block_ptr: NDArray[np.int64],
    pos: NDArray[np.uint16],
) -> None: ...
