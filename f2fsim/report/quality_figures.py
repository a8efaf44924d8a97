"""Model quality over size: a curve for each pruning method and format."""

from __future__ import annotations

from collections.abc import Sequence

from f2fsim.codec.streams import bits_for
from f2fsim.explore.mask_sets import MaskSet, MaskTable, TableLine
from f2fsim.explore.mask_study import INT8
from f2fsim.explore.mask_totals import VARIANTS, SetTotals, bound_bits
from f2fsim.report.value import Column, Figure, Section, Series, Table

#: Width of a row pointer of CSR.
POINTER_BITS = 32
#: Formats whose size follows from rows, columns and kept weights alone, as a legend has them.
FORMATS = {"bitmap": "bitmap", "csr": "CSR", "bound": "F2F bound"}
#: Number of the marker of what was measured.
_STAR = 7


def layer_bits(line: TableLine, form: str) -> float:
    """Return the bits of a layer of int8 weights in one of `FORMATS`."""
    values = line.nnz * INT8.n_bits
    if form == "bitmap":
        return line.n_rows * line.n_columns + values
    if form == "csr":
        indices = line.nnz * bits_for(line.n_columns)
        return values + indices + (line.n_rows + 1) * POINTER_BITS
    return bound_bits(line.n_rows * line.n_columns, line.nnz)


def missing_shapes(
    totals: Sequence[SetTotals], table: MaskTable, network: str
) -> set[tuple[int, int]]:
    """Return the shapes of layers that the table has and no mask of the network."""
    found, have = set(), set()
    for one in totals:
        if one.set.network == network:
            names = {layer.layer for layer in one.layers}
            have |= {(layer.n_rows, layer.n_columns) for layer in one.layers}
            lines = table.layers.get(one.set, {})
            found |= {
                (line.n_rows, line.n_columns) for name, line in lines.items() if name not in names
            }
    return found - have


def quality_figure(totals: Sequence[SetTotals], table: MaskTable, network: str) -> Figure:
    """Return quality over bits a weight for one network.

    Sizes in `FORMATS` are exact for every set of the table; those of F2F are measured where
    there are masks.
    """
    without = missing_shapes(totals, table, network)
    sets = sorted(s for s in table.quality if s.network == network)
    methods = list(dict.fromkeys(s.method for s in sets))
    series = []
    for number, method in enumerate(methods):
        mine = [s for s in sets if s.method == method]
        for form_number, form in enumerate(FORMATS):
            points = sorted((_bits(table, s, form, without), table.quality[s], s) for s in mine)
            series.append(
                Series(
                    f"{method}, {FORMATS[form]}",
                    tuple(bits for bits, _, _ in points),
                    tuple(quality for _, quality, _ in points),
                    tuple(f"S={s.sparsity:g}" for _, _, s in points),
                    "line",
                    _look(number, (form_number - number) % 8),
                )
            )
        found = [(one, table.quality[one.set]) for one in totals if one.set in mine]
        if found:
            series.append(
                Series(
                    f"{method}, F2F measured",
                    tuple(_measured(one) for one, _ in found),
                    tuple(quality for _, quality in found),
                    tuple(
                        f"S={one.set.sparsity:g}, {len(one.layers)} of "
                        f"{len(table.layers[one.set])} layers"
                        for one, _ in found
                    ),
                    "points",
                    _look(number, (_STAR - number) % 8),
                )
            )
    unit = "BLEU" if network == "transformer" else "top-1 [%]" if network == "rn50" else "quality"
    left_out = ", ".join(f"{rows}×{columns}" for rows, columns in sorted(without))
    return Figure(
        f"quality_{network}",
        f"{network}: quality over size",
        f"Curves of model quality over bits a weight for {network}, by pruning method and format.",
        "bits a weight (values and mask, int8)",
        unit,
        tuple(series),
        "Further left at the same height is better. Bitmap and CSR (32-bit row pointers) are exact "
        "for the kept weights of the table; the bound of F2F is H(S) + 8 (1-S) by layer; measured "
        "is auto with the best mask code."
        + (f" Layers of {left_out} are left out everywhere: no masks." if left_out else ""),
        x_log=True,
    )


def _look(method: int, turn: int) -> int:
    """Return the style of a method's colour; dash and marker are those of a format by `turn`."""
    return 8 * turn + method % 8


def _bits(table: MaskTable, mask_set: MaskSet, form: str, without: set[tuple[int, int]]) -> float:
    lines = [
        line
        for line in table.layers[mask_set].values()
        if (line.n_rows, line.n_columns) not in without
    ]
    n_weights = sum(line.n_rows * line.n_columns for line in lines)
    return sum(layer_bits(line, form) for line in lines) / n_weights


def _measured(one: SetTotals) -> float:
    variant = VARIANTS[-1]
    return (one.value_bits(variant) + one.mask_bits(variant[0])) / one.n_weights


def quality_section(totals: Sequence[SetTotals], table: MaskTable) -> Section:
    """Return the section of quality over size of every network that has masks."""
    networks = list(dict.fromkeys(one.set.network for one in totals))
    figures = tuple(quality_figure(totals, table, network) for network in networks)
    columns = (
        Column("figure", "network", numeric=False),
        Column("series", "method and format", numeric=False),
        Column("label", "nominal S", numeric=False),
        Column("bits", "size", "bit/weight"),
        Column("quality", "quality"),
    )
    rows = tuple(
        {"figure": name, "series": s.name, "label": label, "bits": x, "quality": y}
        for name, figure in zip(networks, figures, strict=True)
        for s in figure.series
        for x, y, label in zip(s.x, s.y, s.labels, strict=True)
    )
    points = Table("quality", "Quality and size", columns, rows)
    words = (
        "Quality is that of the published models with their own float weights; int8 values would "
        "change it by what quantisation costs, the same for every format.",
    )
    return Section("Quality against size", "quality", (words,), figures, (), (points,))
