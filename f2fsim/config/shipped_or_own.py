"""Architectures and workloads: a shipped one by its name, or one's own file by its path."""

from __future__ import annotations

from pathlib import Path

from f2fsim import shipped
from f2fsim.config.yaml_file import Document, load_yaml
from f2fsim.errors import ConfigError, choices

#: Of each kind of shipped files: its word, with its article, and the key that only it has.
_KINDS = {
    "arch_configs": ("an architecture", "front_end"),
    "workloads": ("a workload", "layers"),
}
_ORDER = "the order is simulate ARCH WORKLOAD, compare WORKLOAD ARCH …"


def load_shipped_or_own(name_or_path: str | Path, kind: str) -> Document:
    """Read a YAML file of `kind` (``arch_configs`` or ``workloads``), unchecked.

    Raises
    ------
    ConfigError
        If there is no such file or name, with the nearest one; if it is of the other kind: the
        arguments are the wrong way round.
    """
    article, key = _KINDS[kind]
    other = next(one for one in _KINDS if one != kind)
    wrong, wrong_key = _KINDS[other]
    path, asked = Path(name_or_path), str(name_or_path)
    word = article.split()[1]
    known = shipped.names(kind)
    name = shipped.find(asked, known)
    if name is not None and not path.is_file():
        path = known[name]
    elif path.suffix.lower() not in (".yaml", ".yml") and not path.exists():
        swapped = shipped.find(asked, shipped.names(other)) is not None
        hint = f": it is {wrong} ({_ORDER})" if swapped else shipped.near(asked, known)
        raise ConfigError(
            f"{word} {asked!r} is neither a file nor a shipped {word}{hint}; "
            f"shipped: {choices(known)}"
        )
    document = load_yaml(path)
    if wrong_key in document.data and key not in document.data:
        raise ConfigError(f"{path}: is {wrong}, {article} is needed here ({_ORDER})")
    return document
