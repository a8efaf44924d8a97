"""Runs the command and code blocks of a page, in order, in one folder.

A block that is fenced as ``console`` holds commands after ``$ ``; one that is fenced as ``python``
is a program that shares its names with the ones before it.  What they print can be put below them.
``<!-- slow -->`` before a block: it takes minutes and runs only if asked for.  ``<!-- file NAME
-->`` before a block of any language: it is written into that file.  ``<!-- not run -->``: it is
only shown.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>slow|not run|quiet|file [\w./-]+) -->\n)?```(?P<kind>\w+)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
#: Environment variable: a folder where the tests leave the pages that they ran, for the site.
PAGES_VARIABLE = "F2FSIM_PAGES"
#: Longest output that is shown whole.
MOST_LINES = 40


@dataclass(frozen=True)
class Block:
    """A fenced block: its mark, language, text, and where it ends in the page."""

    mark: str
    kind: str
    code: str
    end: int


def blocks(text: str) -> list[Block]:
    """Return the fenced blocks of a page."""
    return [
        Block(found["mark"] or "", found["kind"], found["code"], found.end())
        for found in BLOCK.finditer(text)
    ]


def commands(code: str) -> list[str]:
    """Return the commands of a console block; a backslash goes on in the next line."""
    joined = code.replace("\\\n", " ")
    return [line[2:] for line in joined.splitlines() if line.startswith("$ ")]


class Runner:
    """Runs blocks of one page in a folder; `BlockError` tells which one failed and how."""

    def __init__(self, folder: Path, *, slow: bool = False) -> None:
        self._folder = folder
        self._slow = slow
        self._names: dict[str, object] = {"__name__": "__main__"}
        folder.mkdir(parents=True, exist_ok=True)
        tools = folder / ".bin"
        tools.mkdir(exist_ok=True)
        program = tools / "f2fsim"
        program.write_text(
            f"#!{sys.executable}\nfrom f2fsim.cli.entry import main\n\nif __name__ == '__main__':\n    main()\n",
            encoding="utf-8",
        )
        program.chmod(0o755)
        root = Path(__file__).parents[2]
        self._environment = {
            **os.environ,
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join([*sys.path, str(root)]),
            "COLUMNS": "80",
        }

    def run(self, block: Block) -> str | None:
        """Run a block and return what it prints; None if it is not to be run."""
        if block.mark.startswith("file "):
            path = self._folder / block.mark.removeprefix("file ")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.code, encoding="utf-8")
            return None
        if block.mark == "not run" or (block.mark == "slow" and not self._slow):
            return None
        if block.kind == "console":
            return "".join(self._command(one) for one in commands(block.code))
        if block.kind == "python":
            return self._program(block.code)
        return None

    def _command(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", command], cwd=self._folder, env=self._environment,
            capture_output=True, text=True, timeout=900, check=False,
        )  # fmt: skip
        if done.returncode:
            raise BlockError(f"{command}: exit status {done.returncode}\n{done.stderr}")
        return done.stdout

    def _program(self, code: str) -> str:
        printed = io.StringIO()
        with _inside(self._folder), contextlib.redirect_stdout(printed):
            exec(compile(code, "block of a page", "exec"), self._names)
        return printed.getvalue()


class BlockError(RuntimeError):
    """A command of a page fails."""


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _kept(text: str) -> Path | None:
    """Return where a page with its output is kept, None without a folder for it."""
    folder = os.environ.get(PAGES_VARIABLE)
    return Path(folder) / f"{hashlib.sha256(text.encode()).hexdigest()}.md" if folder else None


def run_page(text: str, folder: Path) -> None:
    """Run a page's blocks in any case, and keep it with their output if there is a place for it."""
    shown, kept = with_output(text, folder), _kept(text)
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(shown, encoding="utf-8")


def shown_page(text: str, folder: Path) -> str:
    """Return a page with its output: the kept one, else its blocks are run."""
    kept = _kept(text)
    if kept and kept.is_file():
        return kept.read_text(encoding="utf-8")
    return with_output(text, folder)


def with_output(text: str, folder: Path) -> str:
    """Return a page with what its blocks print below them."""
    runner = Runner(folder)
    out, at = [], 0
    for block in blocks(text):
        printed = runner.run(block)
        out.append(text[at : block.end])
        at = block.end
        if printed and printed.strip() and block.mark != "quiet":
            lines = [line.rstrip() for line in printed.rstrip().splitlines()]
            if len(lines) > MOST_LINES:
                lines = [*lines[:MOST_LINES], f"… {len(lines) - MOST_LINES} more lines"]
            out.append("\n\n```text\n" + "\n".join(lines) + "\n```")
    return "".join(out) + text[at:]
