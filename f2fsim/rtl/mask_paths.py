"""Mask units by mask code."""

from __future__ import annotations

from collections.abc import Mapping

from f2fsim.cost.front_end_units import unrank_stages
from f2fsim.errors import InputError, choices
from f2fsim.rtl.block_mask import BlockMaskPath
from f2fsim.rtl.mask_path import MaskPath, RawMaskPath, RunMaskPath

#: Mask units by mask code.
MASK_PATHS: dict[str, type[MaskPath]] = {
    path.code: path for path in (RawMaskPath, RunMaskPath, BlockMaskPath)
}


def mask_path(code: str, n: int, rate: int, fifo: int, params: Mapping[str, int]) -> MaskPath:
    """Return the mask unit for a code and its parameters.

    Raises
    ------
    InputError
        If the code has no Verilog.
    """
    if code == "raw":
        return RawMaskPath(n, fifo)
    if code == "zero_runs":
        return RunMaskPath(n, fifo, params["run_bits"], rate)
    if code == "block":
        return BlockMaskPath(n, fifo, **params, rate=rate, stages=unrank_stages(params["block"]))
    raise InputError(
        f"no Verilog for mask code {code!r}; "
        f"set front_end.mask_code to one of {choices(MASK_PATHS)}"
    )
