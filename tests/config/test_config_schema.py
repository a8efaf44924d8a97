"""JSON Schemas: every key has words, from the docstring that defines it; results fit theirs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from f2fsim.config.described import key_descriptions
from f2fsim.config.schema import file_schemas
from f2fsim.results import SimResult
from f2fsim.results.stats import TOTALS


def undescribed(kind: str) -> Iterator[str]:
    schema = file_schemas()[kind]()
    for name, model in {**schema.get("$defs", {}), kind: schema}.items():
        for key, value in model.get("properties", {}).items():
            if not value.get("description"):
                yield f"{name}.{key}"


@pytest.mark.parametrize("kind", file_schemas())
def test_every_key_has_a_description(kind: str) -> None:
    assert list(undescribed(kind)) == []


def test_results_have_totals_as_described() -> None:
    schema = file_schemas()["results"]()
    totals = schema["$defs"]["SimResult"]["properties"]["totals"]
    empty = SimResult("a", "w", "f2f", ())
    assert set(totals["properties"]) == set(empty.totals()) == set(TOTALS)
    assert set(empty.to_dict()) == set(schema["$defs"]["SimResult"]["properties"])


class Base:
    """Base.

    Attributes
    ----------
    a, b : int
        Both of them,
        in two lines.
    c
        As the base says.
    """


class Derived(Base):
    """Derived.

    Attributes
    ----------
    c : str
        As the class itself says.

    Raises
    ------
    d : error
        No key at all.
    """


@pytest.mark.parametrize(
    ("model", "key", "words"),
    [
        (Base, "a", "Both of them, in two lines."),
        (Base, "b", "Both of them, in two lines."),
        (Base, "c", "As the base says."),
        (Derived, "b", "Both of them, in two lines."),
        (Derived, "c", "As the class itself says."),
    ],
)
def test_words_of_a_docstring(model: Any, key: str, words: str) -> None:
    assert key_descriptions(model)[key] == words
    assert "d" not in key_descriptions(Derived)
