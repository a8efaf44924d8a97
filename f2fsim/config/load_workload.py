"""Workloads by name, by path, or from the data of an importer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from f2fsim.config.shipped_or_own import load_shipped_or_own
from f2fsim.config.wording import problems
from f2fsim.config.workload import Workload
from f2fsim.config.yaml_file import validate
from f2fsim.errors import ConfigError


def build_workload(data: dict[str, Any], folder: Path, place: str) -> Workload:
    """Validate a workload that an importer made; `ConfigError` names `place` and the layer."""
    try:
        return Workload.model_validate(data).with_folder(folder)
    except ValidationError as error:
        where, rule = problems(error.errors(include_url=False), Workload)[0]
        index = next((part for part in where if isinstance(part, int)), None)
        layer = "" if index is None else f"layer {data['layers'][index]['name']!r}: "
        raise ConfigError(f"{place}: cannot become a workload: {layer}{rule}") from None


def load_workload(name_or_path: str | Path) -> Workload:
    """Load a workload: a shipped one by its name, or a YAML file by its path.

    Raises
    ------
    ConfigError
        If there is no such file or name, or the file breaks a rule (each with its line).
    """
    document = load_shipped_or_own(name_or_path, "workloads")
    workload = validate(Workload, document).with_folder(document.path.parent)
    workload._document = document
    return workload
