"""Kept weights whose pattern is 0, in formats that also write zeros for pruned weights.

Dense, N:M and run-length streams write a 0 where no weight is kept; a kept weight that happens to
be 0 (after quantising) would be read as pruned.  Those formats carry one flag for each written 0
in the stream ``mask``, coded by the best mask code, and only if any such weight exists: nothing
otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.base import BitStream, EncodedTensor, IntArray
from f2fsim.codec.masks import decode_mask, encode_mask
from f2fsim.codec.streams import unit_sums
from f2fsim.errors import DataError

BoolArray = NDArray[np.bool_]

#: Key of the flags' code in the parameters of an encoding.
PARAM = "kept_zeros"


def encode_kept_zeros(
    flags: BoolArray, unit_of: NDArray[Any], n_units: int
) -> tuple[dict[str, BitStream], dict[str, IntArray], dict[str, Any]]:
    """Encode which of the written zeros are kept weights.

    Parameters
    ----------
    flags : ndarray of bool, shape (n_zeros,)
        One for each written 0 in stream order, True for a kept weight.
    unit_of : ndarray of int, shape (n_zeros,)
        Work unit of each, ascending.
    n_units : int
        Number of work units.

    Returns
    -------
    streams, stream_bits, params : dict
        Empty if no flag is set; else the stream ``mask``, its bits a unit and its code.
    """
    if not flags.any():
        return {}, {}, {}
    coded = encode_mask(flags, unit=1)
    streams = {"mask": coded.stream}
    bits = {"mask": unit_sums(unit_of, n_units, coded.unit_bits)}
    return streams, bits, {PARAM: {"code": coded.code, "params": dict(coded.params)}}


def decode_kept_zeros(encoded: EncodedTensor, n_zeros: int) -> BoolArray:
    """Return for each of the `n_zeros` written zeros whether it is a kept weight.

    Raises
    ------
    DataError
        If the stream ``mask`` does not fit.
    """
    code = encoded.params.get(PARAM)
    if ("mask" in encoded.streams) != (code is not None):
        raise DataError(f"{encoded.label}: stream 'mask' and parameter {PARAM!r} disagree")
    if code is None:
        return np.zeros(n_zeros, dtype=np.bool_)
    if not isinstance(code, Mapping) or not isinstance(code.get("params"), Mapping):
        raise DataError(f"{encoded.label}: parameter {PARAM!r} is damaged")
    return decode_mask(encoded.streams["mask"], n_zeros, code.get("code", ""), code["params"])
