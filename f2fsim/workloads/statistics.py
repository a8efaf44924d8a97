"""What a mask looks like: density by row, column and block, and how even each block order is.

The spread of ``n_u``, the kept weights of an F2F block, decides how well the encoder does; it
depends on the order in which weights run through the decoder.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.f2f.orders import BlockOrder, golden_step
from f2fsim.config.workload import Workload
from f2fsim.workloads.layers import LayerData, iterate_layers

#: Block orders that are compared: kind, step (0: the golden one), shuffled rows.
STATISTICS_ORDERS: dict[str, tuple[str, int, bool]] = {
    "row": ("row", 1, False),
    "column": ("column", 1, False),
    "diagonal_1": ("diagonal", 1, False),
    "diagonal_golden": ("diagonal", 0, False),
    "diagonal_shuffled": ("diagonal", 0, True),
}


@dataclass(frozen=True)
class MaskStatistics:
    """Figures of one layer's mask; a coefficient of variation (CV) is a standard deviation / mean.

    Attributes
    ----------
    row_cv, column_cv, block_cv : float or None
        CV of the density of rows, columns and blocks; None where nothing is kept.
    empty_rows, empty_columns, empty_blocks : int
        How many keep no weight.
    n_u_cv : dict of str to float or None
        CV of the kept weights of a block of `n_out`, by block order; whole blocks only, None if
        there is none or nothing is kept.
    n_u_max : dict of str to int
        Most kept weights of a block, by block order.
    iid_cv : float or None
        What independent weights of this density would have, ``sqrt(S / ((1 - S) · n_out))``.
    """

    layer: str
    op: str
    n_rows: int
    n_columns: int
    n_weights: int
    n_kept: int
    n_out: int
    quantisation_error: float
    row_cv: float | None
    column_cv: float | None
    block_cv: float | None
    empty_rows: int
    empty_columns: int
    empty_blocks: int
    n_u_cv: dict[str, float | None]
    n_u_max: dict[str, int]
    iid_cv: float | None
    origins: dict[str, str]

    @property
    def sparsity(self) -> float:
        """Share of pruned weights."""
        return 1.0 - self.n_kept / self.n_weights

    def row(self) -> dict[str, Any]:
        """Return one line of a table."""
        return {
            "layer": self.layer,
            "rows": self.n_rows,
            "columns": self.n_columns,
            "sparsity": self.sparsity,
            "error": self.quantisation_error,
            "row cv": self.row_cv,
            "column cv": self.column_cv,
            "block cv": self.block_cv,
            **{f"n_u cv {order}": value for order, value in self.n_u_cv.items()},
            "n_u cv iid": self.iid_cv,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self) | {"sparsity": self.sparsity}


def _cv(values: NDArray[Any]) -> float | None:
    mean = float(values.mean()) if values.size else 0.0
    return float(values.std()) / mean if mean > 0.0 else None


def block_densities(mask: NDArray[np.bool_], rows: int, columns: int) -> NDArray[np.float64]:
    """Return the density of each block of `rows` × `columns`; those at the edge may be smaller."""
    row_starts = np.arange(0, mask.shape[0], rows)
    column_starts = np.arange(0, mask.shape[1], columns)
    kept = np.add.reduceat(mask.astype(np.int64), row_starts, axis=0)
    kept = np.add.reduceat(kept, column_starts, axis=1)
    heights = np.diff(np.append(row_starts, mask.shape[0]))
    widths = np.diff(np.append(column_starts, mask.shape[1]))
    return np.asarray(kept / np.outer(heights, widths))


def block_counts(mask: NDArray[np.bool_], order: str, n_out: int, seed: int) -> NDArray[np.int64]:
    """Return ``n_u`` of each whole block of `n_out` weights in one of `STATISTICS_ORDERS`."""
    kind, step, shuffled = STATISTICS_ORDERS[order]
    n_rows, n_columns = mask.shape
    step = step or golden_step(n_columns)
    sequence = BlockOrder(kind, n_rows, n_columns, step, seed if shuffled else None)
    kept = sequence.mask_sequence(mask)
    whole = kept[: kept.size // n_out * n_out].reshape(-1, n_out)
    return np.asarray(whole.sum(axis=1), dtype=np.int64)


def mask_statistics(
    data: LayerData, n_out: int = 80, block: tuple[int, int] = (16, 16), seed: int = 1
) -> MaskStatistics:
    """Measure one layer's mask.

    Parameters
    ----------
    data : LayerData
        The layer.
    n_out : int
        Weights of an F2F block.
    block : (int, int)
        Rows and columns of the blocks whose density is measured.
    seed : int
        Of the shuffled rows.
    """
    mask = data.tensor.mask
    density = data.tensor.n_kept / data.tensor.n_weights
    rows, columns = mask.mean(axis=1), mask.mean(axis=0)
    blocks = block_densities(mask, *block)
    counts = {order: block_counts(mask, order, n_out, seed) for order in STATISTICS_ORDERS}
    return MaskStatistics(
        layer=data.layer.name,
        op=data.layer.kind,
        n_rows=mask.shape[0],
        n_columns=mask.shape[1],
        n_weights=data.tensor.n_weights,
        n_kept=data.tensor.n_kept,
        n_out=n_out,
        quantisation_error=data.quantisation_error,
        row_cv=_cv(rows),
        column_cv=_cv(columns),
        block_cv=_cv(blocks.ravel()),
        empty_rows=int(np.count_nonzero(rows == 0)),
        empty_columns=int(np.count_nonzero(columns == 0)),
        empty_blocks=int(np.count_nonzero(blocks == 0)),
        n_u_cv={order: _cv(n_u) for order, n_u in counts.items()},
        n_u_max={order: int(n_u.max(initial=0)) for order, n_u in counts.items()},
        iid_cv=math.sqrt((1.0 - density) / (density * n_out)) if density else None,
        origins=dict(data.origins),
    )


def iterate_statistics(
    workload: Workload,
    names: Sequence[str] | None = None,
    *,
    n_out: int = 80,
    block: tuple[int, int] = (16, 16),
) -> Iterator[MaskStatistics]:
    """Yield the statistics of a workload's layers; one layer is in memory at a time."""
    for data in iterate_layers(workload, names):
        yield mask_statistics(data, n_out, block)
