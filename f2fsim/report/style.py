"""Colours, hatches, dashes and markers: each style is told from the others without colour too.

Colours are those of Okabe and Ito (https://jfly.uni-koeln.de/color/), safe for all common forms of
colour blindness; black is left out because it vanishes on a dark page.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Style:
    """How one series looks: colour, and hatch, dash and marker for matplotlib and Plotly."""

    colour: str
    hatch: str
    plotly_pattern: str
    dash: str
    plotly_dash: str
    marker: str
    plotly_marker: str


_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#7F7F7F")
_HATCHES = (
    ("", ""),
    ("//", "/"),
    ("\\\\", "\\"),
    ("..", "."),
    ("xx", "x"),
    ("--", "-"),
    ("||", "|"),
    ("++", "+"),
)
_DASHES = (
    ("-", "solid"),
    ("--", "dash"),
    (":", "dot"),
    ("-.", "dashdot"),
)
_MARKERS = (
    ("o", "circle"),
    ("s", "square"),
    ("^", "triangle-up"),
    ("D", "diamond"),
    ("v", "triangle-down"),
    ("P", "cross"),
    ("X", "x"),
    ("*", "star"),
)


def style(number: int) -> Style:
    """Return style `number`; beyond eight, colours repeat with the next hatch, dash and marker."""
    turn = number // len(_COLOURS)
    at = number % len(_COLOURS)
    hatch = _HATCHES[(at + turn) % len(_HATCHES)]
    dash = _DASHES[(at + turn) % len(_DASHES)]
    marker = _MARKERS[(at + turn) % len(_MARKERS)]
    return Style(_COLOURS[at], *hatch, *dash, *marker)
