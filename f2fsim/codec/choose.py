"""The format of fewest bytes for a layer: all parameters of F2F, and bitmap where a layer is tiny.

`f2fsim.codec.f2f.auto_format` chooses width and order for given registers; here the registers, the
mask code, whether a value code is used and, for tensors too small for blocks, another format are
chosen too.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from f2fsim.codec.base import EncodedTensor
from f2fsim.codec.bitmap import BitmapFormat
from f2fsim.codec.f2f import F2FFormat, auto_format
from f2fsim.codec.f2f.auto import ORDERS, MaskBits
from f2fsim.codec.f2f.matrix import MAX_N_OUT
from f2fsim.codec.registry import weight_format
from f2fsim.codec.tensor import PrunedTensor

#: What is taken where nothing is given: bits fall with the register, and 256 of them are about the
#: most that decodes fast (docs/codec.md).
REGISTERS = {"elimination": {"n_in": 16, "n_s": 15}, "viterbi": {"n_in": 8, "n_s": 2}}
#: Parameters that say an order.
ORDER_KEYS = {"order", "order_step", "shuffle_seed"}
#: Below so many weights narrower words are tried too: whole blocks and words weigh there.
FEW_WEIGHTS, NARROW = 20_000, (2, 4, 8)
#: Below so many weights bitmap is taken if it is no larger.
TINY_WEIGHTS = 2_000
#: Bytes by which F2F's and a coded mask's lines in a container's table are longer than those of
#: bitmap with a raw mask.
F2F_ENTRY_BYTES, MASK_CODE_ENTRY_BYTES = 22, 6
_MAX_REGISTER_BITS = 256
#: Registers twice as long, which take twice the time, are tried where bits are so much above the
#: care bits (planes of low rates: docs/codec.md), and for tensors of few care bits in any case.
LONG_N_S, LONG_FROM, FEW_CARE_BITS = 31, 1.012, 200_000
#: Where words and patches exceed the care bits by more, orders that mix rows are tried, and what is
#: beyond counts twice: words come at a fixed rate, patches in floods where kept weights cluster,
#: and a mask a little smaller does not pay for them.
FLOOD_FROM = 1.03
#: From here on threads save more than they take to start.
_MANY_WEIGHTS = 1 << 14


def encode_smallest(
    tensor: PrunedTensor, given: Mapping[str, Any], n_threads: int | None = None
) -> EncodedTensor:
    """Encode a tensor with the parameters of fewest bytes.

    Parameters
    ----------
    tensor : PrunedTensor
        The layer.
    given : mapping
        Parameters of F2F that are to stay as they are; all others are chosen.
    n_threads : int, optional
        Threads over planes and trials; by default as many as cores for tensors of many weights.

    Returns
    -------
    EncodedTensor
        F2F's, or bitmap's for a tensor of less than 2000 weights where that is no larger.

    Raises
    ------
    InputError
        If a given parameter is unknown or not allowed.
    """
    if n_threads is None:
        n_threads = (os.cpu_count() or 1) if tensor.n_weights >= _MANY_WEIGHTS else 1
    registers = REGISTERS["viterbi" if given.get("encoder") == "viterbi" else "elimination"]
    words = [given.get("n_in", registers["n_in"])]
    free = "n_in" not in given and "rows" not in given
    if free and tensor.n_weights < FEW_WEIGHTS:
        words += NARROW
    elif free and words[0] > MAX_N_OUT * (1.0 - tensor.sparsity):
        # No decoder is wide enough for so few kept weights: fewer bits a step.
        words += NARROW[1:]
    known = MaskBits(tensor)
    found = [
        _encode_f2f(tensor, {**registers, "n_in": n_in, **given}, n_threads, known)
        for n_in in words
    ]
    best = min(found, key=_stored_bytes)
    if "n_s" not in given and given.get("encoder") != "viterbi" and _wants_long(best):
        longer = {**registers, "n_in": best.params["n_in"], "n_s": LONG_N_S, **given}
        best = min(best, _encode_f2f(tensor, longer, n_threads, known), key=_stored_bytes)
    if _flooded_bytes(best) and not ORDER_KEYS & set(given):
        mixing = tuple(key for key in ORDERS if key[0] != best.params["order"])
        same = {name: best.params[name] for name in ("n_in", "n_s")}
        other = _encode_f2f(tensor, {**given, **same}, n_threads, known, mixing)
        best = min(best, other, key=lambda one: _stored_bytes(one) + _flooded_bytes(one))
    if tensor.n_weights < TINY_WEIGHTS:
        raw, coded = (BitmapFormat(mask=code).encode(tensor) for code in ("raw", "auto"))
        sizes = {
            _stored_bytes(best) + F2F_ENTRY_BYTES: best,
            _stored_bytes(coded) + MASK_CODE_ENTRY_BYTES: coded,
            _stored_bytes(raw): raw,
        }
        return sizes[min(sizes)]
    return best


def _encode_f2f(
    tensor: PrunedTensor,
    params: Mapping[str, Any],
    n_threads: int,
    known: MaskBits,
    orders: tuple[tuple[str, int | None], ...] = ORDERS,
) -> EncodedTensor:
    """Encode with parameters that fix the registers; what else is not among them is chosen."""
    base = weight_format("f2f", {"mask_code": "auto", "value_code": "auto", **params})
    assert isinstance(base, F2FFormat)
    if ORDER_KEYS & set(params):
        orders = ((base.order, base.shuffle_seed),)
    fixed = "n_out" in params or "rows" in params
    register = (base.n_s + 1) * base.n_in
    chosen = auto_format(
        tensor,
        base,
        max(register, _MAX_REGISTER_BITS),
        orders,
        (base.n_out,) if fixed else None,
        n_threads,
        known,
    )
    return chosen.encode(tensor, n_threads=n_threads)


def _wants_long(encoded: EncodedTensor) -> bool:
    """Whether registers twice as long may save what a short one loses."""
    care = encoded.stats["n_care_bits"]
    return 0 < care <= FEW_CARE_BITS or _spent_bits(encoded) > LONG_FROM * care > 0


def _flooded_bytes(encoded: EncodedTensor) -> int:
    """Return what words and patches take beyond `FLOOD_FROM` of the care bits."""
    beyond = _spent_bits(encoded) - FLOOD_FROM * encoded.stats["n_care_bits"]
    return max(0, int(beyond) // 8)


def _spent_bits(encoded: EncodedTensor) -> int:
    return sum(encoded.streams[name].n_bits for name in ("weights", "patches"))


def _stored_bytes(encoded: EncodedTensor) -> int:
    return sum((stream.n_bits + 7) // 8 for stream in encoded.streams.values())
