"""Run by ``make test-checked`` only: the kernels in use are those of the checked build.

Each call below passes an array that is too short, which the plain build would not see.
"""

from collections.abc import Callable

import numpy as np
import pytest

from f2fsim.bits import _pack
from f2fsim.hw.arrays import _bank_gather


def pack_too_long() -> None:
    _pack.pack_fields(np.array([1], np.uint64), np.array([9], np.int64), np.zeros(1, np.uint8))


def unpack_too_long() -> None:
    _pack.unpack_fields(np.zeros(1, np.uint8), np.array([9], np.int64), np.zeros(1, np.uint64))


def more_entries_than_places() -> None:
    _bank_gather.word_queues(np.ones((1, 2), np.uint8), 1, np.zeros(1, np.int32))


@pytest.mark.parametrize("call", [pack_too_long, unpack_too_long, more_entries_than_places])
def test_an_index_out_of_bounds_is_refused(call: Callable[[], None]) -> None:
    with pytest.raises(IndexError, match="Out of bounds on buffer access"):
        call()
