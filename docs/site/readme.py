"""Puts the verdicts of ``make run`` into README.md: ``python docs/site/readme.py out/run/*.txt``."""

from __future__ import annotations

import re
import sys
from pathlib import Path

START = "<!-- verdicts: written by `make readme` -->\n"
END = "<!-- end of verdicts -->"


def with_verdicts(text: str, verdicts: list[str]) -> str:
    """Return the README with these verdicts between its marks."""
    head, _, rest = text.partition(START)
    _, _, tail = rest.partition(END)
    body = "\n\n".join(
        "\n".join(f"    {line}".rstrip() for line in one.rstrip().splitlines() if line.strip())
        for one in verdicts
    )
    return f"{head}{START}\n{body}\n\n{END}{tail}"


if __name__ == "__main__":
    readme = Path(__file__).parents[2] / "README.md"
    found = [
        re.sub(r"(?m)^results: .*\n", "", Path(name).read_text(encoding="utf-8"))
        for name in sys.argv[1:]
    ]
    readme.write_text(with_verdicts(readme.read_text(encoding="utf-8"), found), encoding="utf-8")
