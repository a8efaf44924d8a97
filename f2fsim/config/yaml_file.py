"""A strict YAML reader that remembers lines; the one place that words configuration errors.

Owns: which scalars YAML may guess (decimal integers, floats, true/false, null; nothing else),
refusal of duplicate keys and aliases, and the form ``file:line: key.path: rule, got value``.
Knows no model: `validate` takes any pydantic class.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from f2fsim.config.wording import problems
from f2fsim.errors import ConfigError
from f2fsim.sharing import shared
from f2fsim.whole_file import refuse_pipe

MAX_FILE_BYTES = 16 * 2**20
MAX_DEPTH = 32
#: Characters of a key; paths of a sweep's axes are keys too, and hold names of layers.
_MAX_KEY = 10_100

KeyPath = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Document:
    """Plain data of a YAML file, and the line (from 1) of each key path in it.

    All documents compare equal: where a value stood is no part of the value.
    """

    path: Path = field(compare=False)
    data: dict[str, Any] = field(compare=False)
    lines: Mapping[KeyPath, int] = field(compare=False)

    def line(self, key: KeyPath) -> int:
        """Return the line of `key`, or of its nearest ancestor in the file."""
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 1)

    def place(self, key: KeyPath) -> str:
        """Return file, line and path of `key`, to begin a message."""
        where = ".".join(str(part) for part in key)
        return f"{self.path}:{self.line(key)}{': ' + where if where else ''}"

    def error(self, key: KeyPath, rule: str) -> str:
        """Return one line that names the place and the rule broken there."""
        return f"{self.place(key)}: {rule}"


#: The document of values that came from no file.
NO_FILE = Document(Path(), {}, {})


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
    """Return a text file's content; `ConfigError` for a folder, a missing, huge or binary file.

    No more than the limit is read, whatever the system says of the size: a device has none.
    """
    try:
        if path.is_dir():
            raise ConfigError(f"{path}: is a folder, a file is needed")
        refuse_pipe(path)
        with path.open("rb") as file:
            data = file.read(limit_bytes + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"{path}: cannot be read: {reason}") from None
    if len(data) > limit_bytes:
        raise ConfigError(f"{path}: is longer than {limit_bytes} bytes, no more are read")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}:{line}: is not UTF-8 text") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def load_yaml(path: Path) -> Document:
    """Read a YAML mapping strictly.

    Raises
    ------
    ConfigError
        If the file cannot be read, is no YAML mapping, repeats a key, uses an alias or nests
        deeper than `MAX_DEPTH`.
    """
    return _parsed(path, read_text(path))


@lru_cache(maxsize=64)
def _parsed(path: Path, text: str) -> Document:
    # Every point of a sweep names the same few presets and cost tables.
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise ConfigError(
            f"{path}:{line}: is not text: character {error.character:#x} is not allowed"
        ) from None
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
            name = _key_name(key_node, path, loader)
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
    assert isinstance(node, yaml.ScalarNode)
    return _scalar(node, key, path, loader)


def _key_name(node: yaml.Node, path: Path, loader: _Loader) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise ConfigError(f"{path}:{node.start_mark.line + 1}: a key must be a plain word")
    _check_tag(node, path, loader)
    name = str(node.value)
    if len(name) > _MAX_KEY:
        line = node.start_mark.line + 1
        raise ConfigError(f"{path}:{line}: key {name[:40]!r}… has {len(name)} characters")
    return name


def _check_tag(node: yaml.ScalarNode, path: Path, loader: _Loader) -> None:
    """Refuse a tag that the text has not by itself: `!!int "8"`, `!!python/name:x`."""
    plain = node.style is None
    own = loader.resolve(yaml.ScalarNode, node.value, (plain, not plain))  # type: ignore[no-untyped-call]
    if node.tag != own:
        line = node.start_mark.line + 1
        raise ConfigError(f"{path}:{line}: tag {node.tag!r} is not allowed")


def _scalar(node: yaml.ScalarNode, key: KeyPath, path: Path, loader: _Loader) -> Any:
    line, text = node.start_mark.line + 1, str(node.value)
    _check_tag(node, path, loader)
    kind = node.tag.rpartition(":")[2]
    where = ".".join(str(part) for part in key)
    if kind == "int":
        if len(text) > 40:
            raise ConfigError(f"{path}:{line}: {where}: number {text[:20]}… is too large")
        return int(text)
    if kind == "str" and node.style is None and re.fullmatch(r"[-+]?0[0-9]+", text):
        raise ConfigError(
            f"{path}:{line}: {where}: must be written without leading zeros, or in quotes, "
            f"got {text}"
        )
    return text if kind == "str" else loader.construct_object(node, deep=True)


def validate(model: type[Model], document: Document) -> Model:
    """Build a pydantic `model` from a document.

    Raises
    ------
    ConfigError
        One line for each problem: ``file:line: key.path: rule, got value`` with the nearest known
        key for an unknown one.
    """
    return shared(document, model, lambda: _validated(model, document))


def _validated(model: type[Model], document: Document) -> Model:
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        found = set()
        for place, rule in problems(error.errors(include_url=False), model):
            key = _file_path(document, place)
            found.add((document.line(key), document.error(key, rule)))
        raise ConfigError("\n".join(text for _, text in sorted(found))) from None


def model_problems(what: str, error: ValidationError, model: type[BaseModel]) -> str:
    """Word the problems of values that came from no file, one line each, starting with `what`."""
    lines = set()
    for place, rule in problems(error.errors(include_url=False), model):
        where = ".".join(str(part) for part in place)
        lines.add(f"{what}: {where + ': ' if where else ''}{rule}")
    return "\n".join(sorted(lines))


def _file_path(document: Document, loc: KeyPath) -> KeyPath:
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
