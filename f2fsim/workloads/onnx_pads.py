"""The pads of an ONNX convolution: given, or worked out from ``auto_pad``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from f2fsim.errors import InputError


def explicit_pads(
    name: str, op: str, attributes: Mapping[str, Any], layer: Mapping[str, Any], rank: int
) -> list[int]:
    """Return explicit pads (begins, then ends), worked out from ``auto_pad`` where it is set."""
    mode = attributes.get("auto_pad", b"NOTSET").decode()
    if mode in ("NOTSET", ""):
        pads = list(attributes.get("pads", [0] * 2 * rank))
        return pads[:rank] if pads[:rank] == pads[rank:] else pads
    if mode == "VALID":
        return [0] * rank
    if op == "ConvTranspose":
        raise InputError(f"auto_pad {mode} of ConvTranspose {name!r} is not supported")
    begins, ends = [], []
    for axis, (kernel, size) in enumerate(zip(layer["kernel"], layer["input_size"], strict=True)):
        stride = layer.get("stride", [1] * rank)[axis]
        reach = layer.get("dilation", [1] * rank)[axis] * (kernel - 1) + 1
        total = max(0, (-(-size // stride) - 1) * stride + reach - size)
        less, more = total // 2, total - total // 2
        begins.append(less if mode == "SAME_UPPER" else more)
        ends.append(more if mode == "SAME_UPPER" else less)
    return begins if begins == ends else begins + ends
