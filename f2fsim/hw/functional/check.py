"""Every output of a functional run against NumPy's: equal for integers, bounded for floats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.errors import SimulationError
from f2fsim.hw.functional.passes import FunctionalJob, PassOutputs, run_passes

#: Half a unit in the last place of float32, relative to the value.
ROUNDING = 2.0**-24

#: Half a unit of the smallest float32: what a product that small may lose.
UNDERFLOW = 2.0**-150


@dataclass(frozen=True)
class FunctionalResult:
    """What a functional run found.

    Attributes
    ----------
    n_outputs : int
        Outputs that were compared: all of the layer's.
    max_error : float
        Largest difference from NumPy over the sum of the magnitudes of the output's products; 0
        for integers.
    """

    n_outputs: int
    max_error: float


def check_outputs(job: FunctionalJob) -> FunctionalResult:
    """Multiply drawn activations with the decoded streams, pass by pass; compare with NumPy.

    Weights come from the encoded bands alone, step after step; an output takes what came up to
    the step in which the timing model lets its row leave.  Integers accumulate in 32 bits, which
    wrap, and must be equal.  Floats accumulate in float32 in the order of the steps and must be
    within ``(n + 1) * 2**-24 * sum(|w * x|)`` of the float64 product, n kept weights in the row.

    Raises
    ------
    DataError
        If a stream is damaged.
    SimulationError
        If an output differs, is missing or is made twice, or the streams bring other weights than
        the timing model has the steps bring.
    """
    first_rows = job.first_rows()
    made = np.zeros((len(job.bands), job.layer.n_columns), dtype=np.int64)
    n_outputs, max_error = 0, 0.0
    for one in run_passes(job):
        made[one.band, one.first : one.first + one.outputs.shape[1]] += 1
        n_outputs += one.outputs.size
        n_terms = np.count_nonzero(job.bands[one.band][0].mask, axis=1)
        wrong, error = _compare(one, n_terms)
        max_error = max(max_error, error)
        if wrong.any():
            raise SimulationError(_differs(job, one, wrong, first_rows[one.band]))
    if (made != 1).any():
        raise SimulationError(f"layer {job.layer.name!r}: the passes do not make each output once")
    return FunctionalResult(n_outputs, max_error)


def _compare(one: PassOutputs, n_terms: NDArray[Any]) -> tuple[NDArray[np.bool_], float]:
    """Return which outputs are wrong, and the largest relative error."""
    if one.outputs.dtype.kind == "i":
        wrapped = one.expected.astype(np.int64).astype(np.int32)
        wrong: NDArray[np.bool_] = one.outputs != wrapped
        return wrong, 0.0
    difference = np.abs(one.outputs - one.expected)
    allowed = (n_terms[:, None] + 1) * (ROUNDING * one.magnitudes + UNDERFLOW)
    relative = np.divide(
        difference, one.magnitudes, out=np.zeros_like(difference), where=one.magnitudes > 0
    )
    return ~(difference <= allowed), float(relative.max(initial=0.0))


def _differs(job: FunctionalJob, one: PassOutputs, wrong: NDArray[np.bool_], first_row: int) -> str:
    row, column = (int(i) for i in np.argwhere(wrong)[0])
    return (
        f"layer {job.layer.name!r}: {int(wrong.sum())} of {wrong.size} outputs of band {one.band} "
        f"differ from NumPy; the first is row {first_row + row}, column {one.first + column}: "
        f"{one.outputs[row, column]} in place of {one.expected[row, column]:.9g}"
    )
