"""What a report shows, as values: words with numbers, tables and figures.

Everything that a page, a CSV file or a drawing shows is one of these frozen values; renderers add
nothing to them.  Tests compare them with the results that they come from, without drawing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Mark = Literal["bar", "line", "points", "limit", "cell"]


@dataclass(frozen=True)
class Number:
    """A number in the text: its exact value, how it is written, and what it is.

    ``source`` names the value in words that a reader can follow back to the results file.
    """

    value: float
    text: str
    source: str


#: A paragraph: plain strings and numbers in turn.
Paragraph = tuple[str | Number, ...]


@dataclass(frozen=True)
class Column:
    """A column of a table: key in the rows, heading, and unit ("" for none)."""

    key: str
    title: str
    unit: str = ""
    numeric: bool = True

    @property
    def heading(self) -> str:
        """Heading with its unit."""
        return f"{self.title} [{self.unit}]" if self.unit else self.title


@dataclass(frozen=True)
class Table:
    """Rows of a table.

    Attributes
    ----------
    name : str
        File name of its CSV, and its anchor on the page.
    marked : frozenset of (int, str)
        Cells that differ from their neighbours, by row number and column key.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Mapping[str, Any], ...]
    caption: str = ""
    marked: frozenset[tuple[int, str]] = frozenset()


@dataclass(frozen=True)
class Series:
    """One series of a figure.

    Attributes
    ----------
    x, y : tuple
        Values; x may hold categories.
    labels : tuple of str
        What a pointer shows beside x and y at each point; empty for nothing.
    mark : {"bar", "line", "points", "limit", "cell"}
        How it is drawn; a limit is a line without points, a cell a field of a map.
    style : int
        Number of its colour, hatch and marker: the same thing has the same style in all figures.
    z : tuple
        Value of each cell.
    """

    name: str
    x: tuple[Any, ...]
    y: tuple[Any, ...]
    labels: tuple[str, ...] = ()
    mark: Mark = "bar"
    style: int = 0
    z: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y) or len(self.labels) not in (0, len(self.x)):
            raise ValueError(f"series {self.name!r}: x, y and labels differ in length")
        if len(self.z) != (len(self.x) if self.mark == "cell" else 0):
            raise ValueError(f"series {self.name!r}: every cell has a value, nothing else has")


@dataclass(frozen=True)
class Figure:
    """A figure as numbers: series, axes with units, words for those who do not see it.

    ``reference`` is a value with a line across the figure (1 for a speed-up), None for none.
    ``panels`` gives every series its own strip, one below the other, with common axes;
    ``values_shown`` writes the value at each bar.  A map has series of cells only, one a kind of
    field; ``z_title`` is what their values are.
    """

    name: str
    title: str
    alt: str
    x_title: str
    y_title: str
    series: tuple[Series, ...]
    caption: str = ""
    stacked: bool = False
    horizontal: bool = False
    x_log: bool = False
    y_log: bool = False
    reference: float | None = None
    panels: bool = False
    values_shown: bool = False
    z_title: str = ""

    @property
    def is_map(self) -> bool:
        """Whether it is a map of cells."""
        return any(series.mark == "cell" for series in self.series)

    def places(self) -> tuple[list[Any], list[Any]]:
        """Return the columns and rows of a map in order."""
        return tuple(  # type: ignore[return-value]
            sorted({at for series in self.series for at in getattr(series, axis)}, key=_rank)
            for axis in ("x", "y")
        )

    @property
    def categories(self) -> list[Any]:
        """What the bars stand at, in order; empty without bars."""
        return list(dict.fromkeys(x for one in self.series if one.mark == "bar" for x in one.x))

    def rows(self) -> list[dict[str, Any]]:
        """Return the numbers of the figure as rows for CSV."""
        return [
            {
                "series": series.name,
                self.x_title: x,
                self.y_title: y,
                **({self.z_title: series.z[i]} if series.z else {}),
                **({"label": series.labels[i]} if series.labels else {}),
            }
            for series in self.series
            for i, (x, y) in enumerate(zip(series.x, series.y, strict=True))
        ]


def _rank(value: Any) -> tuple[bool, Any]:
    """Order numbers as numbers, before everything else."""
    return (False, value) if isinstance(value, int | float) else (True, str(value))


@dataclass(frozen=True)
class Answer:
    """What a report says first: a heading, sentences, at most one table and one figure."""

    title: str
    headline: tuple[Paragraph, ...]
    table: Table | None = None
    figure: Figure | None = None

    @property
    def words(self) -> str:
        """The sentences as one text."""
        return " ".join(plain(one) for one in self.headline)


@dataclass(frozen=True)
class Section:
    """A part of a report: words, figures and tables under one heading; details come folded."""

    title: str
    anchor: str
    paragraphs: tuple[Paragraph, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    folded: tuple[Table, ...] = ()


@dataclass(frozen=True)
class Report:
    """A whole report; ``command`` makes it again."""

    title: str
    answer: tuple[Answer, ...]
    sections: tuple[Section, ...]
    command: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)

    def tables(self) -> list[Table]:
        """Return all tables in order."""
        first = [one.table for one in self.answer if one.table]
        return first + [table for one in self.sections for table in (*one.tables, *one.folded)]

    def figures(self) -> list[Figure]:
        """Return all figures in order."""
        first = [one.figure for one in self.answer if one.figure]
        return first + [figure for one in self.sections for figure in one.figures]


def plain(paragraph: Paragraph) -> str:
    """Return a paragraph as text."""
    return "".join(part if isinstance(part, str) else part.text for part in paragraph)


def number_text(value: Any) -> str:
    """Write a value for people: four significant digits, thousands grouped, exact integers.

    The exact value always stands beside it in the CSV file and in the page's ``data`` elements.
    """
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if value != value or value in (float("inf"), float("-inf")):
        return "–"
    if value == 0 or 1e-4 <= abs(value) < 1e5:
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    return f"{value:,.0f}" if abs(value) < 1e12 and abs(value) >= 1 else f"{value:.3e}"


def number(value: float, source: str, *, digits: int = 3, suffix: str = "") -> Number:
    """Return a number of the text, written with `digits` significant digits and a `suffix`."""
    return Number(value, f"{_significant(value, digits)}{suffix}", source)


def percent(value: float, source: str) -> Number:
    """Return a share as a number of the text, written in per cent with three digits."""
    return Number(value, f"{_significant(100 * value, 3)} %", source)


def _significant(value: float, digits: int) -> str:
    text = f"{value:.{digits}g}"
    return f"{value:,.0f}" if "e+" in text else text


def unique_names(names: Sequence[str]) -> list[str]:
    """Return the names with `` (2)``, `` (3)`` … behind repeated ones."""
    seen: dict[str, int] = {}
    out = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        out.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return out
