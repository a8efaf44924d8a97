"""The strict reader: what it refuses, and how it words it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from f2fsim.config.quantity import Bytes, ConfigModel, Hertz
from f2fsim.config.yaml_file import load_yaml, validate
from f2fsim.errors import ConfigError


class Square(ConfigModel):
    kind: Literal["square"]
    side: int = Field(ge=1)


class Disc(ConfigModel):
    kind: Literal["disc"]
    radius: int


class Model(ConfigModel):
    name: str
    clock: Hertz
    size: Bytes = "1 KiB"  # type: ignore[assignment]
    shape: Annotated[Square | Disc, Field(discriminator="kind")]


GOOD = "name: x\nclock: 1.2 GHz\nshape:\n  kind: square\n  side: 3\n"


def read(tmp_path: Path, text: str) -> Model:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    return validate(Model, load_yaml(path))


def test_quantities_become_integers(tmp_path: Path) -> None:
    model = read(tmp_path, GOOD + "size: 64 KiB\n")
    assert (model.clock, model.size) == (1_200_000_000, 65536)


def test_equal_content_has_an_equal_digest(tmp_path: Path) -> None:
    other = "shape: {side: 3, kind: square}\nclock: 1200 MHz\nname: x\n"
    assert read(tmp_path, GOOD).digest() == read(tmp_path, other).digest()


@pytest.mark.parametrize(
    ("text", "line", "rule"),
    [
        (
            GOOD.replace("side: 3", "side: 0"),
            5,
            "shape.side: must be greater than or equal to 1, got 0",
        ),
        (GOOD + "sise: 1 KiB\n", 6, "sise: unknown key (did you mean 'size'?)"),
        (
            GOOD.replace("  side: 3", "  sides: 3"),
            5,
            "shape.sides: unknown key (did you mean 'side'?)",
        ),
        (GOOD.replace("1.2 GHz", "1.2"), 2, "clock: must be a frequency such as '1.2 GHz'"),
        (GOOD.replace("1.2 GHz", "1.2 GB"), 2, "clock: must be a frequency with one of the units"),
        (GOOD.replace("1.2 GHz", "-1 GHz"), 2, "clock: must be a frequency"),
        (GOOD.replace("1.2 GHz", "0 Hz"), 2, "clock: must be greater than 0, got"),
        (GOOD.replace("1.2 GHz", "1.0000000001 GHz"), 2, "whole number of hertz"),
        (GOOD.replace("name: x\n", ""), 1, "name: key is required"),
        (GOOD + "name: y\n", 6, "key 'name' is given twice (first in line 1)"),
        (
            GOOD.replace("kind: square", "kind: cube"),
            4,
            "shape.kind: must be one of square, disc, got 'cube'",
        ),
        (GOOD.replace("  kind: square\n", ""), 3, "shape.kind: key is required"),
        (GOOD.replace("side: 3", "side: !!int '3'"), 5, "tag 'tag:yaml.org,2002:int'"),
        (GOOD.replace("side: 3", "side: !!int three"), 5, "tag 'tag:yaml.org,2002:int'"),
        (GOOD + "# \x07\n", 6, "character 0x7 is not allowed"),
        (GOOD.replace("1.2 GHz", "1." + "2" * 5000 + " GHz"), 2, "clock: must be a frequency"),
        (GOOD.replace("side: 3", "side: '3'"), 5, "shape.side: must be a valid integer, got '3'"),
        (GOOD.replace("side: 3", "side: 3.5"), 5, "shape.side:"),
        (GOOD.replace("side: 3", "side: 010"), 5, "without leading zeros"),
        (GOOD.replace("side: 3", "side: " + "9" * 50), 5, "is too large"),
        ("a: &x [1]\nb: *x\n", 1, "aliases"),
        ("- 1\n", 1, "must hold a mapping"),
        ("", 1, "must hold a mapping"),
        ("a: [1,\n", 2, "is not valid YAML"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, "is not allowed"),
        ("a: !custom x\n", 1, "is not allowed"),
        ("\tname: x\n", 1, "is not valid YAML"),
        ("? [1, 2]\n: x\n", 1, "a key must be a plain word"),
    ],
)
def test_refusals_name_line_and_rule(tmp_path: Path, text: str, line: int, rule: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert f"a.yaml:{line}: " in str(caught.value)
    assert rule in str(caught.value)


def test_an_alias_bomb_is_refused_at_once(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 60)]
    with pytest.raises(ConfigError, match="aliases"):
        read(tmp_path, "\n".join(lines))


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nests"):
        read(tmp_path, "a: " + "[" * 5000 + "]" * 5000)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, "nam: x\nclock: fast\nshape: {kind: square, side: -1}\n")
    text = str(caught.value)
    assert all(
        part in text for part in ("nam: unknown key", "clock: must be", "shape.side: must be")
    )
    assert "did you mean 'name'?" in text


@pytest.mark.parametrize("kind", ["folder", "missing", "binary", "huge"])
def test_files_that_cannot_be_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.yaml"
    if kind == "folder":
        path.mkdir()
    elif kind == "binary":
        path.write_bytes(b"\xff\xfe\x00\x01")
    elif kind == "huge":
        with path.open("wb") as file:
            file.truncate(2**30)
    with pytest.raises(ConfigError, match=r"a\.yaml"):
        load_yaml(path)
