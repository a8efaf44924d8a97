"""A strict YAML reader that remembers lines; the one place that words configuration errors.

Owns: which scalars YAML may guess (decimal integers, floats, true/false, null; nothing else),
refusal of duplicate keys and aliases, and the form ``file:line: key.path: rule, got value``.
Knows no model: `validate` takes any pydantic class.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from f2fsim.errors import ConfigError, near_miss

MAX_FILE_BYTES = 16 * 2**20
MAX_DEPTH = 32

KeyPath = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Document:
    """Plain data of a YAML file, and the line (from 1) of each key path in it."""

    path: Path
    data: dict[str, Any]
    lines: Mapping[KeyPath, int]

    def line(self, key: KeyPath) -> int:
        """Return the line of `key`, or of its nearest ancestor in the file."""
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 1)

    def error(self, key: KeyPath, rule: str) -> str:
        """Return one line that names the place and the rule broken there."""
        where = ".".join(str(part) for part in key)
        return f"{self.path}:{self.line(key)}: {where + ': ' if where else ''}{rule}"


class _Loader(yaml.SafeLoader):
    """YAML 1.2's core scalars only: no octal, sexagesimal, timestamp, yes/no or merge keys."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|false", "tf"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?",
        "-+.0123456789",
    ),
    ("null", r"null|~|", ["n", "~", ""]),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), list(_first)
    )


def read_text(path: Path, limit_bytes: int = MAX_FILE_BYTES) -> str:
    """Return a text file's content; `ConfigError` for a folder, a missing, huge or binary file."""
    try:
        if path.is_dir():
            raise ConfigError(f"{path}: is a folder, a file is needed")
        size = path.stat().st_size
        if size > limit_bytes:
            raise ConfigError(f"{path}: has {size} bytes, at most {limit_bytes} are read")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"{path}: cannot be read: {reason}") from None


def load_yaml(path: Path) -> Document:
    """Read a YAML mapping strictly.

    Raises
    ------
    ConfigError
        If the file cannot be read, is no YAML mapping, repeats a key, uses an alias or nests
        deeper than `MAX_DEPTH`.
    """
    return _parsed(path, read_text(path))


def load_model(model: type[Model], path: Path) -> Model:
    """Read a YAML file as a frozen pydantic `model`; content seen before is not parsed again.

    Raises
    ------
    ConfigError
        As `load_yaml` and `validate`.
    """
    built: Model = _model_of(model, path, read_text(path))
    return built


@lru_cache(maxsize=64)
def _model_of(model: type[Model], path: Path, text: str) -> Model:
    # Every point of a sweep names the same few presets and cost tables.
    return validate(model, _parsed(path, text))


def _parsed(path: Path, text: str) -> Document:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
    except yaml.YAMLError as error:
        raise ConfigError(
            f"{path}:{_yaml_line(error)}: is not valid YAML: {_reason(error)}"
        ) from None
    except RecursionError:
        raise ConfigError(f"{path}: nests too deeply") from None
    finally:
        loader.dispose()
    if node is None or not isinstance(node, yaml.MappingNode):
        raise ConfigError(f"{path}:1: must hold a mapping of keys to values")
    lines: dict[KeyPath, int] = {(): 1}
    data = _plain(node, (), path, lines, set(), loader)
    return Document(path, data, lines)


def _yaml_line(error: yaml.YAMLError) -> int:
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark is not None else 1


def _reason(error: yaml.YAMLError) -> str:
    return str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)


def _plain(
    node: yaml.Node,
    key: KeyPath,
    path: Path,
    lines: dict[KeyPath, int],
    seen: set[int],
    loader: _Loader,
) -> Any:
    """Turn a node into plain data, noting lines; each node may be used once (no aliases)."""
    line = node.start_mark.line + 1
    lines.setdefault(key, line)
    if id(node) in seen:
        raise ConfigError(f"{path}:{line}: aliases (&name, *name) are not allowed")
    seen.add(id(node))
    if len(key) > MAX_DEPTH:
        raise ConfigError(f"{path}:{line}: nests deeper than {MAX_DEPTH} levels")
    if isinstance(node, yaml.CollectionNode) and node.tag.rpartition(":")[2] not in ("map", "seq"):
        raise ConfigError(f"{path}:{line}: tag {node.tag!r} is not allowed")
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            name = _key_name(key_node, path)
            at = key_node.start_mark.line + 1
            if name in result:
                first = lines[(*key, name)]
                raise ConfigError(
                    f"{path}:{at}: key {name!r} is given twice (first in line {first})"
                )
            lines[(*key, name)] = at
            result[name] = _plain(value_node, (*key, name), path, lines, seen, loader)
        return result
    if isinstance(node, yaml.SequenceNode):
        return [
            _plain(item, (*key, i), path, lines, seen, loader) for i, item in enumerate(node.value)
        ]
    return _scalar(node, path, line, loader)


def _key_name(node: yaml.Node, path: Path) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise ConfigError(f"{path}:{node.start_mark.line + 1}: a key must be a plain word")
    return str(node.value)


def _scalar(node: yaml.Node, path: Path, line: int, loader: _Loader) -> Any:
    kind = node.tag.rpartition(":")[2]
    if kind not in ("str", "int", "float", "bool", "null"):
        raise ConfigError(f"{path}:{line}: tag {node.tag!r} is not allowed")
    if kind == "int":
        if len(node.value) > 40:
            raise ConfigError(f"{path}:{line}: number {node.value[:20]}… is too large")
        return int(node.value)
    if (
        kind == "str"
        and re.fullmatch(r"[-+]?0[0-9]+", str(node.value))
        and getattr(node, "style", None) is None
    ):
        raise ConfigError(f"{path}:{line}: write {node.value} without leading zeros, or in quotes")
    return str(node.value) if kind == "str" else loader.construct_object(node, deep=True)


def validate(model: type[Model], document: Document) -> Model:
    """Build a pydantic `model` from a document.

    Raises
    ------
    ConfigError
        One line for each problem: ``file:line: key.path: rule, got value`` with the nearest known
        key for an unknown one.
    """
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        problems = sorted(
            {_worded(document, model, detail) for detail in error.errors(include_url=False)}
        )
        raise ConfigError("\n".join(text for _, text in problems)) from None


def model_problems(what: str, error: ValidationError) -> str:
    """Word the problems of values that came from no file, one line each, starting with `what`."""
    lines = set()
    for detail in error.errors(include_url=False):
        where = ".".join(str(part) for part in detail["loc"])
        lines.add(f"{what}: {where + ': ' if where else ''}{_rule(detail)}")
    return "\n".join(sorted(lines))


def _rule(detail: ErrorDetails) -> str:
    """Return the rule that was broken and the value that broke it."""
    rule = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
    rule = rule.replace("should be", "must be", 1)
    rule = rule[0].lower() + rule[1:] if rule else "is invalid"
    if detail["type"] not in ("value_error", "union_tag_invalid", "union_tag_not_found"):
        rule = f"{rule}, got {_short(detail['input'])}"
    return rule


def _worded(document: Document, model: type[BaseModel], detail: ErrorDetails) -> tuple[int, str]:
    key = _file_path(document, detail["loc"])
    rule = _rule(detail)
    if detail["type"] == "extra_forbidden":
        known = _sibling_keys(model, detail["loc"][:-1])
        rule = f"unknown key{near_miss(str(key[-1]), known)}"
        if known:
            rule += f"; known: {', '.join(sorted(known))}"
    elif detail["type"] == "missing":
        rule = "key is required"
    return document.line(key), document.error(key, rule)


def _file_path(document: Document, loc: tuple[str | int, ...]) -> KeyPath:
    """Drop the parts of a pydantic location that are union tags and not keys of the file."""
    key: KeyPath = ()
    data: Any = document.data
    for i, part in enumerate(loc):
        last = i == len(loc) - 1
        if isinstance(data, dict) and part in data:
            key, data = (*key, part), data[part]
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            key, data = (*key, part), data[part]
        elif last and isinstance(data, dict) and isinstance(part, str) and "[" not in part:
            key = (*key, part)
    return key


def _sibling_keys(model: type[BaseModel], loc: tuple[str | int, ...]) -> set[str]:
    """Return the keys that the model at `loc` knows, following fields, lists and union tags."""
    candidates: list[Any] = [model]
    for part in loc:
        following: list[Any] = []
        for candidate in candidates:
            for cls in _models_in(candidate):
                fields = {f.alias or n: f for n, f in cls.model_fields.items()}
                if part in fields:
                    following.append(fields[str(part)].annotation)
                elif any(part == _tag_of(cls, name) for name in cls.model_fields):
                    following.append(cls)
        candidates = following or candidates
    keys: set[str] = set()
    for candidate in candidates:
        for cls in _models_in(candidate):
            keys |= {f.alias or n for n, f in cls.model_fields.items()}
    return keys


def _tag_of(cls: type[BaseModel], name: str) -> Any:
    values: tuple[Any, ...] = getattr(cls.model_fields[name].annotation, "__args__", ())
    return values[0] if len(values) == 1 else None


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    found: list[type[BaseModel]] = []
    for argument in getattr(annotation, "__args__", ()):
        found += _models_in(argument)
    return found


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
