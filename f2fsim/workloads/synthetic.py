"""Random numbers of a workload: one independent generator for each purpose and layer."""

from __future__ import annotations

import hashlib
import math

import numpy as np
from numpy.typing import NDArray

from f2fsim.config.layer import Layer
from f2fsim.config.weight_source import SyntheticWeights
from f2fsim.workloads.prune import row_blocks


def generator(seed: int, purpose: str, layer: str) -> np.random.Generator:
    """Return the generator of a layer: the same seed, purpose and name give the same numbers.

    Layers do not share a stream, so that one layer's numbers do not depend on which other layers
    are simulated.
    """
    digest = hashlib.sha256(f"{seed}\0{purpose}\0{layer}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))


def synthetic_matrix(layer: Layer, spec: SyntheticWeights, seed: int) -> NDArray[np.float32]:
    """Draw a layer's weights.

    Returns
    -------
    ndarray of float32, shape ``layer.shape``
        Mean 0, standard deviation ``sqrt(2 / K)`` times the row's and the column's scale
        (lognormal with median 1).
    """
    rng = generator(seed, "weights", layer.name)
    n_rows, n_columns = layer.shape
    scale = np.float32(math.sqrt(2.0 / n_columns))
    if spec.distribution == "normal":
        matrix = np.empty((n_rows, n_columns), dtype=np.float32)
        for block in row_blocks(matrix.shape):  # scaled while still in the cache
            rng.standard_normal(dtype=np.float32, out=matrix[block])
            matrix[block] *= scale
    else:
        matrix = rng.standard_exponential((n_rows, n_columns), dtype=np.float32)
        matrix *= np.float32(math.sqrt(0.5))
        np.negative(matrix, out=matrix, where=rng.random(matrix.shape, dtype=np.float32) < 0.5)
        matrix *= scale
    if spec.row_spread:
        spread = np.exp(spec.row_spread * rng.standard_normal((n_rows, 1)))
        matrix *= spread.astype(np.float32)
    if spec.column_spread:
        spread = np.exp(spec.column_spread * rng.standard_normal((1, n_columns)))
        matrix *= spread.astype(np.float32)
    return matrix
