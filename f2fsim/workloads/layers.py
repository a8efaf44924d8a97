"""From a workload to pruned, quantised layers: one at a time, so that size is no obstacle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import PrunedTensor, weight_type
from f2fsim.codec.scales import Scales
from f2fsim.config.layer import Layer
from f2fsim.config.pruning import (
    AnyRule,
    BlockRule,
    MagnitudeRule,
    NmRule,
    NoRule,
    RandomRule,
)
from f2fsim.config.workload import Workload
from f2fsim.errors import DataError
from f2fsim.workloads import prune
from f2fsim.workloads.budget import layer_rule, shared_counts
from f2fsim.workloads.prune import n_pruned
from f2fsim.workloads.quantise import quantise_stored, require_finite
from f2fsim.workloads.readers.stored import Stored
from f2fsim.workloads.sources import open_masks, open_weights, read_mask, read_matrix
from f2fsim.workloads.synthetic import generator, synthetic_matrix


@dataclass(frozen=True, eq=False)
class LayerData:
    """A layer with its weights as the machine gets them.

    Attributes
    ----------
    layer : Layer
        Geometry; the batch is included in ``n_columns``.
    tensor : PrunedTensor
        Shape ``layer.shape``: the rows of all groups below each other.
    scales : Scales or None
        Value of one step of a code and its zero point; None for floats of 16 bits and more.
    quantisation_error : float
        Relative error (2-norm, kept weights) that the weight type makes.
    activation_density : float
        Share of input activations that are not zero.
    origins : mapping of str to str
        ``weights`` (trained or synthetic), ``sparsity`` and ``activations``: ``measured``,
        ``given``, ``assumed`` or ``synthetic``.
    """

    layer: Layer
    tensor: PrunedTensor
    scales: Scales | None
    quantisation_error: float
    activation_density: float
    origins: Mapping[str, str]

    @property
    def scale(self) -> NDArray[np.float32] | None:
        """The scale of each row, None where there is none or one a row does not say all."""
        return None if self.scales is None else self.scales.by_row(self.tensor.shape[0])


class LayerReader:
    """Reads, prunes and quantises single layers of a workload; the file is opened once."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self._model = open_weights(workload)
        self._masks = open_masks(workload)
        self._counts: dict[str, int] | None = None

    def matrix(self, layer: Layer) -> NDArray[Any]:
        """Return a layer's weights as they are, before pruning (shape ``layer.shape``)."""
        return self.stored(layer).values

    def stored(self, layer: Layer) -> Stored:
        """Return a layer's weights with the mask and the codes that its file says."""
        if self._model is not None:
            try:
                return read_matrix(layer, self._model)
            except DataError as error:
                raise DataError(f"{self.workload.layer_place(layer.name)}: {error}") from None
        if self.workload.synthetic is None:
            raise DataError(f"workload {self.workload.name!r} has neither file nor distribution")
        return Stored(synthetic_matrix(layer, self.workload.synthetic, self.workload.seed))

    def _own_mask(self, layer: Layer) -> NDArray[np.bool_] | None:
        """Return the mask that a layer has in the workload's file of masks, None without one."""
        if self._masks is None or layer.mask is None:
            return None
        try:
            return read_mask(layer, self._masks)
        except DataError as error:
            raise DataError(f"{self.workload.layer_place(layer.name)}: {error}") from None

    def mask(self, layer: Layer, matrix: NDArray[Any], rule: AnyRule) -> NDArray[np.bool_]:
        """Return which weights of a layer stay under a rule."""
        rng = generator(self.workload.seed, "pruning", layer.name)
        if isinstance(rule, NoRule):
            return np.asarray(matrix != 0)
        if isinstance(rule, RandomRule):
            return prune.random_mask(layer.shape, self._count(layer, rule), rng)
        require_finite(matrix, "pruning by magnitude cannot rank them")
        if isinstance(rule, MagnitudeRule):
            return prune.magnitude_mask(matrix, self._count(layer, rule), rng)
        if isinstance(rule, NmRule):
            return prune.nm_mask(matrix, rule.n, rule.m)
        if isinstance(rule, BlockRule):
            return prune.block_mask(matrix, rule.sparsity, rule.rows, rule.columns, rng)
        sparsity = rule.sparsity
        if 0.0 < sparsity < 1.0 and rule.row_cv**2 >= sparsity / (1.0 - sparsity):
            raise DataError(
                f"cannot have rows with a coefficient of variation of {rule.row_cv} at its own "
                f"sparsity {sparsity}"
            )
        return prune.row_uneven_mask(matrix, sparsity, rule.row_cv, rng)

    def _kept(self, layer: Layer, stored: Stored, rule: AnyRule) -> NDArray[np.bool_]:
        """Return which weights stay of what the file's own mask leaves."""
        if stored.mask is None:
            return self.mask(layer, stored.values, rule)
        if isinstance(rule, NoRule):
            return stored.mask
        found = self.mask(layer, stored.values, rule)
        # A machine's pattern stays whole; no other rule brings back what the file prunes.
        return found if isinstance(rule, NmRule) else found & stored.mask

    def _count(self, layer: Layer, rule: MagnitudeRule | RandomRule) -> int:
        if self._counts is None:
            self._counts = shared_counts(self.workload, self._finite)
        own = n_pruned(rule.sparsity, layer.n_weights)
        return own if rule is not self.workload.pruning else self._counts.get(layer.name, own)

    def _finite(self, layer: Layer) -> NDArray[Any]:
        matrix = self.matrix(layer)
        try:
            require_finite(matrix, "pruning by magnitude cannot rank them")
        except DataError as error:
            raise DataError(self._place(layer) + str(error)) from None
        return matrix

    def _place(self, layer: Layer) -> str:
        tensor = f": tensor {layer.tensor!r}" if layer.tensor else ""
        return f"workload {self.workload.name!r}: layer {layer.name!r}{tensor} "

    def load(self, layer: Layer) -> LayerData:
        """Read, prune and quantise one layer.

        Raises
        ------
        DataError
            If its weights are missing, damaged, of a wrong shape, or cannot be pruned or held by
            the weight type.
        """
        workload, wanted = self.workload, weight_type(self.workload.weight_type_of(layer))
        stored, own = self.stored(layer), self._own_mask(layer)
        if own is not None:
            stored = stored.masked(own)
        rule = layer_rule(workload, layer)
        try:
            mask = self._kept(layer, stored, rule)
            result = quantise_stored(stored, mask, wanted, workload.quantisation)
        except DataError as error:
            raise DataError(self._place(layer) + str(error)) from None
        density, origin = layer.activation_density, layer.activation_origin
        if density is None or origin is None:
            density, origin = workload.activations.density, workload.activations.origin
        measured = isinstance(rule, NoRule)
        origins: dict[str, str] = {
            "weights": "measured" if workload.synthetic is None else "synthetic",
            "sparsity": "measured" if measured else "given",
            "activations": origin,
        }
        name = layer.tensor or layer.name
        n_side = 0 if result.scales is None else result.scales.n_bits
        tensor = PrunedTensor(name, result.patterns, mask, wanted, n_side)
        return LayerData(layer, tensor, result.scales, result.error, density, origins)


def iterate_layers(workload: Workload, names: Sequence[str] | None = None) -> Iterator[LayerData]:
    """Yield the layers of a workload in order, pruned and quantised.

    Parameters
    ----------
    workload : Workload
        Its pruning, weight type and seed decide; the same workload gives the same bits.
    names : sequence of str, optional
        Only these layers.  What a layer gets does not depend on which others are asked for.

    Raises
    ------
    InputError
        If a name is unknown or a layer's weights cannot be used.
    """
    chosen = None if names is None else {workload.layer(name).name for name in names}
    reader = LayerReader(workload)
    for layer in workload.layers:
        if chosen is None or layer.name in chosen:
            yield reader.load(layer)


def load_layer(workload: Workload, name: str) -> LayerData:
    """Return one layer of a workload, as `iterate_layers` would yield it."""
    return LayerReader(workload).load(workload.layer(name))
