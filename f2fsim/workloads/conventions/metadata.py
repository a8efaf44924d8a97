"""What lies beside a checkpoint and says how it is quantised."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from f2fsim.errors import DataError
from f2fsim.workloads.readers import ModelFile

#: File beside the checkpoint, and the key of its quantisation (empty: the whole file).
BESIDE = (
    ("config.json", ("quantization_config", "compression_config")),
    ("quantize_config.json", ("",)),
    ("quant_config.json", ("",)),
    ("hf_quant_config.json", ("quantization",)),
)


def quantisation_of(model: ModelFile) -> Mapping[str, Any]:
    """Return the quantisation that a checkpoint's metadata declare, empty if none do.

    The file's own metadata go first, then `BESIDE` in its order.

    Raises
    ------
    DataError
        If one of them is no JSON.
    """
    inside = model.metadata.get("quantization_config")
    if inside is not None:
        found = _parse(inside, f"{model.path}: quantization_config in its metadata")
        return found if isinstance(found, dict) else {}
    for file, keys in BESIDE:
        whole = _document(model.path.parent / file)
        for key in keys:
            found = whole.get(key) if key else whole
            if isinstance(found, dict) and found:
                return found
    return {}


def files_beside(path: Path) -> list[Path]:
    """Return the metadata files that lie beside a checkpoint and decide how it is read."""
    if path.is_dir() or path.suffix.lower() == ".onnx":
        return []
    return [path.parent / file for file, _ in BESIDE if (path.parent / file).is_file()]


def _document(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        return {}
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise DataError(f"{path}: cannot be read, the checkpoint beside it needs it") from None
    found = _parse(text, str(path))
    return found if isinstance(found, dict) else {}


def _parse(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise DataError(f"{place}: is no JSON") from None


def whole_number(config: Mapping[str, Any], *path: str) -> int | None:
    """Return the whole number at a path of keys, None if it is not there."""
    value: Any = config
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def weight_arguments(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return compressed-tensors' arguments of quantised weights, those of the first group."""
    groups = config.get("config_groups")
    if not isinstance(groups, Mapping):
        return {}
    for group in groups.values():
        weights = group.get("weights") if isinstance(group, Mapping) else None
        if isinstance(weights, Mapping):
            return weights
    return {}
