import numpy as np
from numpy.typing import NDArray

def pack_words(
    words: NDArray[np.uint16], fills: NDArray[np.uint8], n_groups: int, out: NDArray[np.uint8]
) -> None: ...
def unpack_words(
    data: NDArray[np.uint8], fills: NDArray[np.uint8], n_groups: int, words: NDArray[np.uint16]
) -> None: ...
