"""The schedule with values: what each pass of bands and tiles makes, beside what NumPy makes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from f2fsim.codec import EncodedTensor, PrunedTensor
from f2fsim.config import Layer
from f2fsim.config.arch import ArchConfig
from f2fsim.hw.arrays.broadcast.layer import BroadcastMachine
from f2fsim.hw.functional.entries import BandEntries, slice_entries, step_entries
from f2fsim.hw.functional.inputs import FeatureMaps, broadcast_columns, draw_maps
from f2fsim.hw.functional.reference import Floats, matrix_outputs, reference_outputs
from f2fsim.hw.functional.values import Values
from f2fsim.hw.layer_machine import LayerMachine
from f2fsim.mapping.plan import Plan

#: Activation values that are gathered at once.
CHUNK_VALUES = 1 << 22

if TYPE_CHECKING:
    from scipy import sparse


@dataclass(frozen=True, eq=False)
class FunctionalJob:
    """A built layer and everything that its values come from.

    Attributes
    ----------
    arch, layer, plan
        What runs on what, and how.
    bands : sequence of (PrunedTensor, EncodedTensor)
        NumPy gets the tensors, the machine the encodings.
    built : LayerMachine
        The layer's machine, for its steps.
    activation_density : float
        Share of non-zero input activations.
    seed : int
        Of the activations.
    inputs : FeatureMaps or None
        Input activations in place of drawn ones.
    """

    arch: ArchConfig
    layer: Layer
    plan: Plan
    bands: Sequence[tuple[PrunedTensor, EncodedTensor]]
    built: LayerMachine
    activation_density: float = 1.0
    seed: int = 0
    inputs: FeatureMaps | None = None

    def first_rows(self) -> list[int]:
        """Row of the layer at which each band begins."""
        return [0, *np.cumsum(self.plan.band_rows).tolist()]

    def first_columns(self) -> list[int]:
        """Column at which each tile begins."""
        return [0, *np.cumsum(self.plan.tile_columns).tolist()]


@dataclass(frozen=True, eq=False)
class PassOutputs:
    """Outputs of consecutive columns of one band.

    Attributes
    ----------
    band : int
    first : int
        First column.
    outputs : ndarray of int32 or float32, shape (rows of the band, n)
        As the machine makes them.
    expected, magnitudes : ndarray of float64, the same shape
        NumPy's, and the sums of the magnitudes of their products.
    """

    band: int
    first: int
    outputs: Values
    expected: Floats
    magnitudes: Floats


def run_passes(job: FunctionalJob) -> Iterator[PassOutputs]:
    """Yield the outputs of all passes in the order of the plan, some columns at a time.

    Raises
    ------
    DataError
        If a stream is damaged.
    SimulationError
        If the streams bring other weights than the timing model has the steps bring.
    """
    if isinstance(job.built, BroadcastMachine):
        return _broadcast(job, job.built)
    return _tiled(job)


def _tiled(job: FunctionalJob) -> Iterator[PassOutputs]:
    layer, built = job.layer, job.built
    rows, columns = job.first_rows(), job.first_columns()
    matrices = []
    for (_, encoded), work, row in zip(job.bands, built.work, rows, strict=False):
        entries = step_entries(job.arch, encoded, work)
        groups = (row + entries.rows) // layer.n_outputs
        width = layer.n_groups * layer.n_reduction
        matrices.append(
            _in_step_order(entries, entries.columns + groups * layer.n_reduction, width)
        )
    weight_type = job.bands[0][0].weight_type
    maps = job.inputs or draw_maps(layer, weight_type, job.activation_density, job.seed)
    at_once = max(1, CHUNK_VALUES // (layer.n_groups * layer.n_reduction))
    for band, tile in job.plan.passes():
        for first in range(columns[tile], columns[tile + 1], at_once):
            stop = min(first + at_once, columns[tile + 1])
            outputs = matrices[band] @ maps.columns(first, stop)
            reference = reference_outputs(job.bands[band][0], maps, rows[band], first, stop)
            yield PassOutputs(band, first, outputs, *reference)


def _broadcast(job: FunctionalJob, built: BroadcastMachine) -> Iterator[PassOutputs]:
    """Vectors have the zeros that were drawn for the timing; only what is broadcast is multiplied.

    The zeros are drawn for each vector of the product by itself: a convolution's columns are no
    windows of one map here.
    """
    layer = job.layer
    weight_type = job.bands[0][0].weight_type
    rows, columns = job.first_rows(), job.first_columns()
    matrices = []
    for (_, encoded), counts in zip(job.bands, built.slices, strict=True):
        entries = slice_entries(encoded, counts)
        matrices.append(_in_step_order(entries, entries.columns, layer.n_reduction))
    for (band, tile), broadcasts in zip(job.plan.passes(), built.broadcasts, strict=True):
        group = rows[band] // layer.n_outputs
        seed = job.seed + 1_000_003 * tile + 7_919 * group
        shape = layer.n_reduction, job.plan.tile_columns[tile]
        inputs = broadcast_columns(shape, weight_type, broadcasts, seed)
        reference = matrix_outputs(job.bands[band][0], inputs)
        yield PassOutputs(band, columns[tile], matrices[band] @ inputs, *reference)


def _in_step_order(
    entries: BandEntries, columns: np.ndarray[tuple[int], np.dtype[np.int64]], width: int
) -> sparse.csr_array:
    """Return a band's weights as rows of entries in the order of the steps.

    The product adds a row's entries one by one in this order, in the accumulator's type; what
    comes too late is left out.
    """
    taken = np.flatnonzero(entries.in_time)
    by_row = taken[np.argsort(entries.rows[taken], kind="stable")]
    counts = np.bincount(entries.rows[by_row], minlength=entries.shape[0])
    ends = np.concatenate([[0], np.cumsum(counts)])
    values = entries.values[by_row]
    from scipy import sparse  # needed where values flow only

    return sparse.csr_array((values, columns[by_row], ends), shape=(entries.shape[0], width))
