"""The study of ``f2fsim paper`` as Markdown and CSV: what was measured stands at each table."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence

from f2fsim.explore.paper import DECODERS, N_IN, ROW_CV, SAMPLE_ROWS, SHAPES, SPREAD, PaperRow

_SOURCES = {
    "transformer": "Transformer-base feed-forward shape, synthetic weights",
    "resnet50": "ResNet-50 convolution shape, synthetic weights",
    "opennsfw": "opennsfw, largest layer, trained weights",
    "silero_vad": "silero-vad, largest layer, trained weights",
}


def paper_csv(rows: Sequence[PaperRow]) -> str:
    """Return all rows as CSV."""
    text = io.StringIO()
    table = [row.to_table() for row in rows]
    writer = csv.DictWriter(text, list(table[0]) if table else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return text.getvalue()


def decoder_name(encoder: str, n_s: int, order: str) -> str:
    """Return a decoder's column title."""
    return f"{encoder} N_s={n_s}, {order}"


def paper_markdown(rows: Sequence[PaperRow], command: str, n_blocks: int) -> str:
    """Return the report.

    Parameters
    ----------
    rows : sequence of PaperRow
    command : str
        What reproduces it.
    n_blocks : int
        Blocks sampled in a case.
    """
    lines = ["# Encoding efficiency and memory reduction", "", *_preface(command, n_blocks), ""]
    groups: dict[tuple[str, str, str], list[PaperRow]] = {}
    for row in rows:
        groups.setdefault((row.source, row.pruning, row.weight_type), []).append(row)
    for (source, pruning, kind), found in groups.items():
        lines += [f"## {_SOURCES.get(source, source)}: {pruning} pruning, {kind}", ""]
        lines += ["Encoding efficiency E in % (matched care bits of all care bits).", ""]
        lines += _table(found, lambda row: f"{100 * row.efficiency:.2f}")
        lines += ["", "Memory saved in %: without mask / with the best mask code / raw mask.", ""]
        lines += _table(
            found,
            lambda row: " / ".join(
                f"{100 * row.reduction(mask):.1f}" for mask in ("none", "best", "raw")
            ),
        )
        lines += ["", "Value bits (patches counted) over (1-S)·n_w.", ""]
        lines += [*_table(found, lambda row: f"{row.over_entropy:.3f}"), ""]
    return "\n".join(lines).rstrip() + "\n"


def _preface(command: str, n_blocks: int) -> list[str]:
    n_care = N_IN * n_blocks
    error = 100 * (0.99 * 0.01 / n_care) ** 0.5
    shapes = ", ".join(f"{name} {rows}×{columns}" for name, (rows, columns) in SHAPES.items())
    return [
        f"Made by `{command}`.  All figures are measured here, none is taken from a paper.",
        "",
        f"- N_in = {N_IN}; N_out = ⌊N_in / (1-S)⌋, so the encoded bits meet (1-S)·n_w up to",
        "  rounding; patches are counted in every size; every encoding is lossless.",
        f"- A case encodes about {n_blocks} blocks, those of all bit planes counted: the matrix is",
        f"  pruned and quantised whole, then {SAMPLE_ROWS} rows at even ranks of density and the",
        "  window of adjacent columns with nearly the whole's density are taken.  Were unmatched",
        f"  bits independent, E = 99 % of {n_care} care bits had a standard error of"
        f" {error:.2f} points;",
        "  `--blocks` and `--seed` show how far a figure moves.",
        f"- Synthetic ({shapes}): normal weights, rows and",
        f"  columns scaled by lognormal factors of spread {SPREAD}; they are no trained weights,",
        "  and how uneven magnitude pruning leaves the rows depends on that spread.",
        "- Trained: the layer's own weights, magnitude pruning only.",
        f"- Row-uneven pruning draws row densities with a coefficient of variation of {ROW_CV}.",
        "- int8 is symmetric per row; fp32 is the bits as they are, constant planes cost nothing,",
        "  no value code.",
    ]


def _table(rows: Sequence[PaperRow], cell: Callable[[PaperRow], str]) -> list[str]:
    names = [decoder_name(*decoder) for decoder in DECODERS]
    lines = ["| S | N_out | " + " | ".join(names) + " |", "|---" * (len(names) + 2) + "|"]
    by_sparsity: dict[float, list[PaperRow]] = {}
    for row in rows:
        by_sparsity.setdefault(row.sparsity, []).append(row)
    for sparsity, found in by_sparsity.items():
        cells = {decoder_name(r.encoder, r.n_s, r.order): cell(r) for r in found}
        values = " | ".join(cells.get(name, "–") for name in names)
        lines.append(f"| {sparsity} | {found[0].n_out} | {values} |")
    return lines
