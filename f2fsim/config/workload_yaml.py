"""A workload as YAML text: one line a layer, nothing that is a default."""

from __future__ import annotations

import json
import re
from typing import Any

from f2fsim.config.workload import Workload

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*\Z")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off"}


def workload_text(workload: Workload, comment: str = "") -> str:
    """Return YAML that `load_workload` reads back as the same workload.

    Parameters
    ----------
    workload : Workload
    comment : str
        Lines put at the top, each behind ``#``.
    """
    data = workload.model_dump(mode="json", exclude_defaults=True)
    for layer in data["layers"]:
        if layer.get("batch") == workload.batch:
            del layer["batch"]
    lines = [f"# {line}".rstrip() for line in comment.splitlines()]
    for key, value in data.items():
        if key in ("layers", "operations", "excluded"):
            lines += ["", f"{key}:"]
            lines += [f"  - {_flow(item)}" for item in value]
        else:
            lines.append(f"{key}: {_flow(value)}")
    return "\n".join(lines) + "\n"


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        # The discriminators stand behind the name, where people look for them.
        keys = [k for k in ("name", "op", "method") if k in value]
        keys += [k for k in value if k not in keys]
        return "{" + ", ".join(f"{key}: {_flow(value[key])}" for key in keys) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    if isinstance(value, str) and _PLAIN.match(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)
