"""DRAMsim3's ini files as sections and keys, with lines for errors and DRAMsim3's defaults.

A key that is not given has DRAMsim3's value (commit 2981759), and is noted in
`IniFile.defaulted`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from f2fsim.config.yaml_file import read_text
from f2fsim.errors import ConfigError, choices, near_miss

#: DRAMsim3's own values for missing keys.
DEFAULTS: dict[str, dict[str, Any]] = {
    "dram_structure": {
        "protocol": "DDR3",
        "bankgroups": 2,
        "banks_per_group": 2,
        "bankgroup_enable": True,
        "rows": 65536,
        "columns": 1024,
        "device_width": 8,
        "BL": 8,
        "hbm_dual_cmd": True,
    },
    "timing": {
        **{"tCK": 1.0, "AL": 0, "CL": 12, "CWL": 12, "tCCD_L": 6, "tCCD_S": 4, "tRTRS": 2},
        **{"tRTP": 5, "tWTR_L": 5, "tWTR_S": 5, "tWR": 10, "tRP": 10, "tRRD_L": 4, "tRRD_S": 4},
        **{"tRAS": 24, "tRCD": 10, "tRFC": 74, "tREFI": 7800, "tFAW": 50, "tPPD": 0},
        **{"t32AW": 330, "tRCDRD": 24, "tRCDWR": 20},
    },
    "power": {
        **{"VDD": 1.2, "IDD0": 48.0, "IDD2N": 34.0, "IDD3N": 43.0, "IDD4W": 123.0},
        **{"IDD4R": 135.0, "IDD5AB": 250.0},
    },
    "system": {
        "channel_size": 1024,
        "channels": 1,
        "bus_width": 64,
        "address_mapping": "chrobabgraco",
        "queue_structure": "PER_BANK",
        "row_buf_policy": "OPEN_PAGE",
        "cmd_queue_size": 16,
        "trans_queue_size": 32,
        "unified_queue": False,
        "refresh_policy": "RANK_LEVEL_STAGGERED",
    },
}

_SECTION = re.compile(r"\[([^\]]*)\]\s*\Z")
_INTEGER = re.compile(r"[-+]?[0-9]{1,15}\Z")
_REAL = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?\Z")
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


@dataclass
class IniFile:
    """An ini file's values by section and key, with their lines; notes what was not given."""

    path: Path
    values: dict[tuple[str, str], tuple[str, int]]
    defaulted: list[str] = field(default_factory=list)

    def _raw(self, section: str, key: str) -> tuple[str, int] | None:
        found = self.values.get((section, key.lower()))
        if found is None or not found[0]:
            self.defaulted.append(f"{section}.{key} = {DEFAULTS[section][key]}")
            return None
        return found

    def error(self, line: int, section: str, key: str, rule: str) -> ConfigError:
        """Return an error that names the place."""
        where = f"{self.path}:{line}" if line else str(self.path)
        return ConfigError(f"{where}: [{section}] {key}: {rule}")

    def line(self, section: str, key: str) -> int:
        """Return the line of a key, 0 if the file does not hold it."""
        return self.values.get((section, key.lower()), ("", 0))[1]

    def integer(self, section: str, key: str) -> int:
        """Return a whole number, or DRAMsim3's default."""
        found = self._raw(section, key)
        if found is None:
            return int(DEFAULTS[section][key])
        # DRAMsim3 reads the leading number and ignores words after it.
        number = found[0].split()[0]
        if not _INTEGER.match(number):
            raise self.error(found[1], section, key, f"must be a whole number, got {found[0]!r}")
        return int(number)

    def real(self, section: str, key: str) -> float:
        """Return a number, or DRAMsim3's default."""
        found = self._raw(section, key)
        if found is None:
            return float(DEFAULTS[section][key])
        number = found[0].split()[0]
        if not _REAL.match(number):
            raise self.error(found[1], section, key, f"must be a number, got {found[0]!r}")
        return float(number)

    def boolean(self, section: str, key: str) -> bool:
        """Return true or false, or DRAMsim3's default."""
        found = self._raw(section, key)
        if found is None:
            return bool(DEFAULTS[section][key])
        if found[0].lower() not in (*_TRUE, *_FALSE):
            raise self.error(found[1], section, key, f"must be true or false, got {found[0]!r}")
        return found[0].lower() in _TRUE

    def choice(self, section: str, key: str, known: tuple[str, ...]) -> str:
        """Return one of the known words, or DRAMsim3's default."""
        found = self._raw(section, key)
        if found is None:
            return str(DEFAULTS[section][key])
        if found[0] not in known:
            hint = near_miss(found[0], known)
            rule = f"must be one of {choices(known)}{hint}, got {found[0]!r}"
            raise self.error(found[1], section, key, rule)
        return found[0]

    def text(self, section: str, key: str) -> str:
        """Return a word, or DRAMsim3's default."""
        found = self._raw(section, key)
        return str(DEFAULTS[section][key]) if found is None else found[0]


def read_ini(path: Path) -> IniFile:
    """Read an ini file: sections, ``key = value``, comments after ``;`` or on ``#`` lines."""
    values: dict[tuple[str, str], tuple[str, int]] = {}
    section = ""
    for number, raw in enumerate(read_text(path).splitlines(), 1):
        text = raw.split(";", 1)[0].strip()
        if not text or text.startswith("#"):
            continue
        header = _SECTION.match(text)
        if header:
            section = header[1].strip().lower()
            continue
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"{path}:{number}: must be '[section]' or 'key = value'")
        place = (section, key.strip().lower())
        if place in values:
            first = values[place][1]
            raise ConfigError(
                f"{path}:{number}: [{section}] {key.strip()}: is given twice "
                f"(first in line {first})"
            )
        values[place] = (value.strip(), number)
    if not any(name in ("dram_structure", "timing", "system") for name, _ in values):
        raise ConfigError(
            f"{path}: is no DRAMsim3 file: none of [dram_structure], [timing], [system] is there"
        )
    return IniFile(path, values)
