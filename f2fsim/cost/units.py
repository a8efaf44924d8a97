"""Quick estimates of the cells of patch and mask units, linear fits to synthesis.

Fitted to ``reports/hardware_cost/units.csv`` (8-bit counters, zero runs of 4 bits); their areas are
within 15 % of every row of it.
"""

from __future__ import annotations

from f2fsim.cost.cells import GateCount


def estimate_patch_unit_gates(n_out: int, n_planes: int, rate: int) -> GateCount:
    """Return the cells of a patch unit: the block's register, one-hot decoders, a flip a bit.

    Parameters
    ----------
    n_out, n_planes : int
        Weights of a block and bit planes.
    rate : int
        Patches a cycle.
    """
    n_bits = n_out * n_planes
    return GateCount(
        xor2=rate * n_bits + 5,
        dff=n_bits + 9,
        nand2=round((5.7 + 1.4 * rate) * n_bits) + 130,
        inv=n_bits + 100,
    )


def estimate_mask_unit_gates(n_out: int, mask_code: str, rate: int = 1) -> GateCount:
    """Return the cells of a mask unit; codes other than ``raw`` count as zero runs.

    Parameters
    ----------
    n_out : int
        Mask bits of a block.
    mask_code : str
        Code of the mask stream.
    rate : int
        Code words a cycle.
    """
    if mask_code == "raw":
        return GateCount(dff=n_out + 1, nand2=3 * n_out + 4, inv=5)
    return GateCount(
        xor2=20 * rate + 7,
        dff=n_out + 9,
        nand2=round((7.6 + 2.6 * rate) * n_out) + 120 * rate + 75,
        inv=(2 + 2 * rate) * n_out + 30 * rate + 53,
    )
