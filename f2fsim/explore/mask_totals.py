"""Sums of the study of masks over the layers of a set."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from f2fsim.codec.entropy import binary_entropy
from f2fsim.explore.mask_sets import MaskSet, MaskTable
from f2fsim.explore.mask_study import DECODERS, INT8, Figures, LayerFigures

#: Every way with its decoder, in the order of tables.
VARIANTS = (
    *(("published", *decoder) for decoder in DECODERS),
    *(("fitted", *decoder) for decoder in DECODERS),
    ("auto", "elimination", 0),
)
#: The order whose mask goes with a way.
MASK_ORDER = {"published": "row", "fitted": "fitted", "auto": "auto"}

Variant = tuple[str, str, int]


def bound_bits(n_weights: int, n_kept: int) -> float:
    """Return ``H(S) + (1-S)·n_w`` of a layer, in bits: independent positions."""
    return n_weights * binary_entropy(n_kept / n_weights) + n_kept * INT8.n_bits


@dataclass(frozen=True)
class SetTotals:
    """One set and what was measured of its layers."""

    set: MaskSet
    layers: tuple[LayerFigures, ...]

    @property
    def n_weights(self) -> int:
        """Weight positions of all layers."""
        return sum(layer.n_weights for layer in self.layers)

    @property
    def n_kept(self) -> int:
        """Kept weights of all layers."""
        return sum(layer.n_kept for layer in self.layers)

    @property
    def entropy_bits(self) -> float:
        """Bits of the kept values."""
        return float(self.n_kept * INT8.n_bits)

    @property
    def bound_bits(self) -> float:
        """The bound, summed layer by layer: each has a sparsity of its own."""
        return sum(bound_bits(layer.n_weights, layer.n_kept) for layer in self.layers)

    def n_measured(self, variant: Variant) -> int:
        """Layers that the decoder was run on."""
        return len(self._figures(variant))

    def efficiency(self, variant: Variant) -> float:
        """Matched over all care bits, ``E``; NaN if no layer was measured."""
        found = self._figures(variant)
        care = sum(f.n_care_bits for f in found)
        if not found:
            return math.nan
        return 1.0 - sum(f.n_unmatched_bits for f in found) / care if care else 1.0

    def value_bits(self, variant: Variant) -> float:
        """Encoded bits and patches of all planes and layers."""
        return self._of_all(variant, lambda f: f.value_bits)

    def patch_bits(self, variant: Variant) -> float:
        """Bits of the patches of all planes and layers."""
        return self._of_all(variant, lambda f: f.patch_bits)

    def n_patches(self, variant: Variant) -> float:
        """Patches of all planes and layers, a bit each."""
        return self._of_all(variant, lambda f: f.n_unmatched_bits)

    def _of_all(self, variant: Variant, count: Callable[[Figures], int]) -> float:
        """Return a count of what was measured, scaled by care bits to all planes and layers."""
        found = self._figures(variant)
        care = sum(f.n_care_bits for f in found)
        if not found or not care:
            return math.nan if self.n_kept else 0.0
        return sum(map(count, found)) * (self.entropy_bits / care)

    def mask_bits(self, way: str, code: str = "best") -> int:
        """Bits of the masks in the order of a way; ``best``: each layer in its best code."""
        found = [layer.mask_bits[MASK_ORDER[way]] for layer in self.layers]
        return sum(min(bits.values()) if code == "best" else bits[code] for bits in found)

    def reduction(self, variant: Variant, code: str = "best") -> float:
        """Share of dense bits saved with a mask code; ``none``: the mask not counted."""
        mask = 0 if code == "none" else self.mask_bits(variant[0], code)
        return 1.0 - (self.value_bits(variant) + mask) / (self.n_weights * INT8.n_bits)

    def over_entropy(self, variant: Variant) -> float:
        """Value bits over those of the kept values."""
        return self.value_bits(variant) / self.entropy_bits if self.n_kept else 0.0

    def over_bound(self, variant: Variant, code: str = "best") -> float:
        """Value and mask bits over the bound."""
        return (self.value_bits(variant) + self.mask_bits(variant[0], code)) / self.bound_bits

    def worst(self, variant: Variant) -> LayerFigures:
        """The layer with the lowest E of those measured."""
        return min(self.layers, key=lambda layer: efficiency(layer.of(*variant)))

    def worst_size(self, variant: Variant) -> LayerFigures:
        """The layer with the most value bits for each bit of a kept value."""
        return max(self.layers, key=lambda layer: over_entropy(layer, variant))

    def _figures(self, variant: Variant) -> list[Figures]:
        return [found for layer in self.layers if (found := layer.of(*variant))]


def efficiency(figures: Figures | None) -> float:
    """Return E of one decoder on one layer; 1 if there is nothing to match."""
    if figures is None or not figures.n_care_bits:
        return 1.0
    return 1.0 - figures.n_unmatched_bits / figures.n_care_bits


def over_entropy(layer: LayerFigures, variant: Variant) -> float:
    """Return a layer's value bits over those of its kept values; 0 if it keeps none."""
    found = layer.of(*variant)
    return found.value_bits / found.n_care_bits if found and found.n_care_bits else 0.0


def by_set(layers: Iterable[LayerFigures]) -> list[SetTotals]:
    """Group layers by their set, in order."""
    groups: dict[MaskSet, list[LayerFigures]] = {}
    for layer in layers:
        groups.setdefault(layer.set, []).append(layer)
    return [SetTotals(name, tuple(groups[name])) for name in sorted(groups)]


def layer_rows(totals: Sequence[SetTotals]) -> list[dict[str, Any]]:
    """Return one flat row a layer, way and decoder."""
    return [
        {
            "network": one.set.network,
            "method": one.set.method,
            "nominal_S": one.set.sparsity,
            "layer": layer.layer,
            "rows": layer.n_rows,
            "columns": layer.n_columns,
            "nnz": layer.n_kept,
            "way": f.way,
            "encoder": f.encoder,
            "N_s": f.n_s,
            "N_in": f.n_in,
            "N_out": f.n_out,
            "order": f.order,
            "shuffle_seed": f.shuffle_seed,
            "planes": f.n_planes,
            "care_bits": f.n_care_bits,
            "unmatched_bits": f.n_unmatched_bits,
            "E_pct": round(100 * efficiency(f), 4),
            "value_bits": f.value_bits,
            "patch_bits": f.patch_bits,
            **{f"{code}_mask_bits": n for code, n in layer.mask_bits[MASK_ORDER[f.way]].items()},
            "bound_bits": round(bound_bits(layer.n_weights, layer.n_kept)),
        }
        for one in totals
        for layer in one.layers
        for f in layer.figures
    ]


def table_problems(totals: Sequence[SetTotals], table: MaskTable) -> list[str]:
    """Return what differs between the masks and the collection's table, a line each."""
    problems = []
    for one in totals:
        lines = table.layers.get(one.set, {})
        for layer in one.layers:
            line = lines.get(layer.layer)
            found = (layer.n_rows, layer.n_columns, layer.n_kept)
            if line is None:
                problems.append(f"{one.set}: {layer.layer} is not in the table")
            elif found != (line.n_rows, line.n_columns, line.nnz):
                said = (line.n_rows, line.n_columns, line.nnz)
                problems.append(f"{one.set}: {layer.layer}: {found} where the table has {said}")
    return problems
