"""What every command shares: tables, JSON and CSV on stdout, progress and errors on stderr.

A command raises `F2fsimError`; `run` alone turns it into one message and the exit status.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import rich.box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from f2fsim.errors import F2fsimError, InputError
from f2fsim.whole_file import BAD_PATH, whole_file

ERR = Console(stderr=True, highlight=False, soft_wrap=True)


#: Characters of a line of an error; of a longer one the beginning and the end are shown.
_LONGEST_LINE, _HEAD, _TAIL = 1200, 700, 300
#: Lines of an error: one for each problem of a file.
_MOST_LINES = 100


class Advance(Protocol):
    """Called as work goes on: how much is done of how much, and what is under way."""

    def __call__(self, done: int, total: int, label: str) -> None:
        """Report that `done` of `total` steps are finished and `label` comes next."""


def run(main: Callable[[], Any]) -> int:
    """Run the command line and return its exit status: 2 bad input, 1 failure, 130 interrupted.

    A path that cannot be read or written as given is bad input; a full disk is a failure.

    Nothing that happens shows a traceback, but with ``F2FSIM_TRACEBACK`` set in the environment.
    """
    if sys.stdout is None:  # closed by the shell: nobody wants to read
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files need not be text
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            main()
        finally:
            sys.stdout.flush()  # here, where a full disk can still be told
    except F2fsimError as error:
        ERR.print(
            f"f2fsim: {brief(str(error))}", style="red" if ERR.is_terminal else None, markup=False
        )
        return error.exit_code
    except KeyboardInterrupt:
        ERR.print("f2fsim: interrupted")
        return 130
    except SystemExit as stop:
        if stop.code == 130:  # how typer ends an interrupted command
            ERR.print("f2fsim: interrupted")
        raise
    except BrokenPipeError:
        # The reader of our output went away (``| head``): not our failure.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        said = f"{error.filename or 'output'}: {error.strerror or error}"
        ERR.print(f"f2fsim: {brief(said)}", markup=False)
        if error.filename is None:  # what is left in the buffer cannot be written at exit either
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2 if error.errno in BAD_PATH else 1
    except MemoryError:
        ERR.print("f2fsim: out of memory")
        return 1
    except Exception as error:
        if os.environ.get("F2FSIM_TRACEBACK"):
            raise
        ERR.print(f"f2fsim: a fault of the program: {brief(_origin(error))}", markup=False)
        ERR.print("f2fsim: with F2FSIM_TRACEBACK=1 set it says more; please report it")
        return 1
    return 0


def brief(message: str) -> str:
    """Return an error's text with no more than a line of what was read in each of its lines."""
    lines = message.splitlines()
    shown = [
        line if len(line) <= _LONGEST_LINE else f"{line[:_HEAD]} … {line[-_TAIL:]}"
        for line in lines[:_MOST_LINES]
    ]
    if len(lines) > _MOST_LINES:
        shown.append(f"… {len(lines) - _MOST_LINES} more")
    return "\n".join(shown)


def _origin(error: Exception) -> str:
    """Return an unexpected error in a line: kind, words and the line of this package."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if f"{os.sep}f2fsim{os.sep}" in frame.filename]
    at = (ours or frames)[-1]
    return f"{type(error).__name__}: {error} ({Path(at.filename).name}:{at.lineno})"


def print_rows(
    rows: Sequence[Mapping[str, Any]],
    *,
    title: str = "",
    as_json: bool = False,
    as_csv: bool = False,
) -> None:
    """Print rows that share keys: a table for people, JSON or CSV for programs."""
    if as_json and as_csv:
        raise InputError("--json and --csv exclude each other")
    if as_json:
        print_json(list(rows))
        return
    keys = list(rows[0]) if rows else []
    if as_csv:
        text = io.StringIO()
        writer = csv.DictWriter(text, keys, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        sys.stdout.write(text.getvalue())
        return
    width = table_width()
    cells = {key: [_cell(row[key]) for row in rows] for key in keys}
    for number, block in enumerate(_blocks(cells, width)):
        _print_block(rows, cells, block, "" if number else title, width)


def table_width() -> int:
    """Return the width of tables: ``--width``, else ``COLUMNS``, else the terminal's, else 80."""
    if WIDTH.columns is not None:
        return WIDTH.columns
    if not os.environ.get("COLUMNS", "").isdecimal() and not sys.stdout.isatty():
        return 80
    return max(40, shutil.get_terminal_size((80, 24)).columns)


@dataclass
class _Width:
    """The width that ``f2fsim --width`` asks for; None: that of the terminal."""

    columns: int | None = None


WIDTH = _Width()


def _blocks(cells: Mapping[str, Sequence[str]], width: int) -> list[list[str]]:
    """Share columns among tables no wider than `width`; the first column leads each of them."""
    wide = {
        key: min(max(map(len, [*_heading(key), *values])), width // 3)
        for key, values in cells.items()
    }
    first, *others = cells or [""]
    blocks = [[first]] if cells else []
    used = wide.get(first, 0)
    for key in others:
        if used + wide[key] + 2 > width - 2 and len(blocks[-1]) > 1:
            blocks.append([first])
            used = wide[first]
        blocks[-1].append(key)
        used += wide[key] + 2
    return blocks


#: Ends of keys that are units, as people write them.
UNITS = {
    "gb_s": "GB/s",
    "gb_per_second": "GB/s",
    "gmac_s": "GMAC/s",
    "pct": "%",
    "us": "us",
    "ns": "ns",
    "uj": "uJ",
    "pj": "pJ",
    "mm2": "mm²",
    "um2": "um²",
    "mhz": "MHz",
    "hz": "Hz",
    "mib": "MiB",
    "mb": "MB",
    "bytes": "B",
    "bits": "bit",
    "bits_per_weight": "bit/weight",
}


def _heading(key: str) -> list[str]:
    """Return a column's heading in short lines: words of a key, its unit last, in brackets."""
    words, unit = key, ""
    for end in sorted(UNITS, key=len, reverse=True):
        if key == end or key.endswith(f"_{end}"):
            words, unit = key.removesuffix(end), f"[{UNITS[end]}]"
            break
    if not words and unit in ("[B]", "[bit]"):
        words, unit = key, ""
    lines = words.replace("_", " ").split()
    return [*lines, unit] if unit else lines


def _print_block(
    rows: Sequence[Mapping[str, Any]],
    cells: Mapping[str, Sequence[str]],
    keys: Sequence[str],
    title: str,
    width: int,
) -> None:
    table = Table(
        title=title or None, box=rich.box.SIMPLE_HEAD, title_justify="left", padding=(0, 1, 0, 0)
    )
    for key in keys:
        numeric = all(isinstance(row[key], int | float) or row[key] is None for row in rows)
        heading = Text("\n".join(_heading(key)))
        table.add_column(
            heading, justify="right" if numeric else "left", overflow="fold", vertical="top"
        )
    for i in range(len(rows)):
        table.add_row(*(Text(cells[key][i]) for key in keys))
    Console(highlight=False, width=width).print(table)


def print_json(value: Any) -> None:
    """Print JSON on stdout: sorted keys, so that equal results are equal bytes."""
    sys.stdout.write(json.dumps(value, indent=2, sort_keys=True, default=str) + "\n")


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e5 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


@contextmanager
def progress(what: str, *, quiet: bool = False) -> Iterator[Advance]:
    """Show a bar on stderr while work goes on; nothing when stderr is no terminal or `quiet`."""
    if quiet or not ERR.is_terminal:
        yield lambda done, total, label: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=ERR, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total, label: bar.update(
            task, completed=done, total=total, description=f"{what}: {label}" if label else what
        )


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    with whole_file(path) as partial:
        partial.write_bytes(data)
