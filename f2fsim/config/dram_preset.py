"""DRAM presets by name or path: shipped ones, YAML files and DRAMsim3's ini files."""

from __future__ import annotations

from pathlib import Path

from f2fsim import shipped
from f2fsim.config.dram import DramSpec
from f2fsim.config.dramsim3 import import_ini
from f2fsim.config.yaml_file import load_yaml, validate
from f2fsim.errors import ConfigError, choices


def load_dram(name_or_path: str | Path) -> DramSpec:
    """Load a shipped DRAM preset by name, or any preset or DRAMsim3 ini file by path.

    Raises
    ------
    ConfigError
        If there is no such preset or file, or the file breaks a rule (one line a problem).
    """
    known = shipped.names("arch_configs", "dram")
    text = str(name_or_path)
    name = shipped.find(text, known)
    if name is not None:
        path = known[name]
    elif text.endswith(".ini"):
        return import_ini(Path(name_or_path)).spec
    elif isinstance(name_or_path, Path) or "/" in text or text.endswith((".yaml", ".yml")):
        path = Path(name_or_path)
    else:
        raise ConfigError(
            f"no DRAM preset {text!r}{shipped.near(text, known)}; shipped: {choices(known)}; "
            "or give a path to a .yaml or DRAMsim3 .ini file"
        )
    return validate(DramSpec, load_yaml(path))
