"""What each key of a configuration means, read from the docstring of its model.

One text serves the reference, the JSON Schema and the reader of the code: the numpydoc section
``Attributes`` of a model, and of the models that it inherits from.
"""

from __future__ import annotations

import inspect
import re

#: Keys that mean the same wherever they stand.
COMMON = {
    "kind": "Which of the choices this is; the other keys depend on it.",
    "method": "Which of the methods this is; the other keys depend on it.",
    "op": "Operation; the other keys depend on it.",
    "name": "Name in tables, reports and error messages.",
    "description": "A sentence for people.",
    "sparsity": "Share of pruned weights, 0 to 1.",
}

_ENTRY = re.compile(r"^(\S[^:\n]*?)(?: : .*)?$")


def key_descriptions(model: type) -> dict[str, str]:
    """Return what each key means, as one line of text; keys that nobody described are not there.

    A class's own words go before those of the classes that it inherits from.
    """
    found: dict[str, str] = dict(COMMON)
    for one in reversed(model.__mro__):
        found |= _attributes(one.__dict__.get("__doc__") or "")
    return found


def summary(model: type) -> str:
    """Return the first sentence of a model's docstring."""
    text = inspect.cleandoc(model.__doc__ or "").split("\n\n")[0]
    return " ".join(text.split())


def _attributes(doc: str) -> dict[str, str]:
    """Return the entries of the section ``Attributes``: names to the text below them."""
    lines = inspect.cleandoc(doc).splitlines()
    try:
        start = lines.index("Attributes") + 2
    except ValueError:
        return {}
    found: dict[str, list[str]] = {}
    names: list[str] = []
    for i, line in enumerate(lines[start:], start):
        if i + 1 < len(lines) and re.fullmatch(r"-{3,}", lines[i + 1]):
            break
        entry = _ENTRY.match(line)
        if entry:
            names = [name.strip() for name in entry[1].split(",")]
            found |= {name: [] for name in names}
        elif line.strip():
            for name in names:
                found[name].append(line.strip())
    return {name: " ".join(text) for name, text in found.items() if text}
