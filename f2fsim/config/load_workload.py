"""Workloads by name, by path, or from the data of an importer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from f2fsim import shipped
from f2fsim.config.wording import problems
from f2fsim.config.workload import Workload
from f2fsim.config.yaml_file import load_yaml, validate
from f2fsim.errors import ConfigError, choices


def build_workload(data: dict[str, Any], folder: Path, place: str) -> Workload:
    """Validate a workload that an importer made; `ConfigError` names `place` and the layer."""
    try:
        return Workload.model_validate(data).with_folder(folder)
    except ValidationError as error:
        where, rule = problems(error.errors(include_url=False), Workload)[0]
        index = next((part for part in where if isinstance(part, int)), None)
        layer = "" if index is None else f"layer {data['layers'][index]['name']!r}: "
        raise ConfigError(f"{place}: cannot become a workload: {layer}{rule}") from None


def _swapped(name: str) -> str:
    """Return a hint if the name is that of an architecture: the arguments are the wrong way."""
    if shipped.find(name, shipped.names("arch_configs")) is None:
        return ""
    return ": it is an architecture (the order is simulate ARCH WORKLOAD, compare WORKLOAD ARCH …)"


def load_workload(name_or_path: str | Path) -> Workload:
    """Load a workload: a shipped one by its name, or a YAML file by its path.

    Raises
    ------
    ConfigError
        If there is no such file or name, or the file breaks a rule (each with its line).
    """
    path = Path(name_or_path)
    known = shipped.names("workloads")
    name = shipped.find(str(name_or_path), known)
    if name is not None and not path.is_file():
        path = known[name]
    elif path.suffix.lower() not in (".yaml", ".yml") and not path.exists():
        raise ConfigError(
            f"workload {str(name_or_path)!r} is neither a file nor a shipped workload"
            f"{_swapped(str(name_or_path)) or shipped.near(str(name_or_path), known)}; "
            f"shipped: {choices(known)}"
        )
    document = load_yaml(path)
    if "front_end" in document.data and "layers" not in document.data:
        raise ConfigError(
            f"{path}: is an architecture, a workload is needed here (the order is simulate ARCH "
            "WORKLOAD, compare WORKLOAD ARCH …)"
        )
    workload = validate(Workload, document).with_folder(path.parent)
    workload._document = document
    return workload
