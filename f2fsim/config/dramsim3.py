"""DRAMsim3's ini files to presets and back.

The meaning of every key, and the value taken where a key is missing, are DRAMsim3's (commit
2981759): columns of GDDR count bursts and those of HBM pairs, ``tRCD`` does not count for them,
``tPPD`` counts for GDDR and LPDDR4 only, ranks follow from ``channel_size``.  What DRAMsim3 takes
by default is written into the preset and listed, never assumed in silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from f2fsim.config.dram import DramSpec
from f2fsim.config.dram_map import ADDRESS_FIELDS
from f2fsim.config.dramsim3_ini import DEFAULTS, IniFile, read_ini
from f2fsim.errors import ConfigError, choices, near_miss

#: Transfers of the data bus in a clock, by protocol.
PROTOCOLS = {
    "DDR3": 2,
    "DDR4": 2,
    "LPDDR": 2,
    "LPDDR3": 2,
    "LPDDR4": 2,
    "GDDR5": 4,
    "GDDR5X": 8,
    "GDDR6": 16,
    "HBM": 2,
    "HBM2": 2,
}
GDDR = ("GDDR5", "GDDR5X", "GDDR6")
HBM = ("HBM", "HBM2")

#: Rules of the controller that DRAMsim3 has in its code, not in its files.
OWN_RULES = ("hit_limit", "opened_row", "refresh_precharge")


@dataclass(frozen=True)
class Imported:
    """A preset made from an ini file, and the DRAMsim3 defaults that it took."""

    spec: DramSpec
    defaulted: tuple[str, ...]


def import_ini(path: Path) -> Imported:
    """Turn a DRAMsim3 ini file into a preset.

    Raises
    ------
    ConfigError
        If the file cannot be read, breaks a rule, or asks for what is not modelled here (HMC,
        ``BL = 0``, per-bank refresh, self-refresh).
    """
    ini = read_ini(path)
    protocol = ini.text("dram_structure", "protocol")
    if protocol not in PROTOCOLS:
        line = ini.line("dram_structure", "protocol")
        hint = " (HMC is not modelled)" if protocol == "HMC" else near_miss(protocol, PROTOCOLS)
        rule = f"must be one of {choices(PROTOCOLS)}{hint}"
        raise ini.error(line, "dram_structure", "protocol", f"{rule}, got {protocol!r}")
    organisation = _organisation(ini, protocol)
    data = {
        "name": path.stem,
        "standard": protocol,
        "organisation": organisation,
        "timing": _timing(ini, protocol, organisation["bank_groups"]),
        "controller": _controller(ini, protocol),
        "power": {key: ini.real("power", key) for key in DEFAULTS["power"]},
    }
    try:
        spec = DramSpec.model_validate(data)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(ini, detail) for detail in error.errors())) from None
    return Imported(spec, tuple(ini.defaulted))


def _explain(ini: IniFile, detail: Any) -> str:
    """Word a broken rule of the preset in terms of the ini file."""
    location = detail["loc"]
    names = {
        "bus_width_bits": ("system", "bus_width"),
        "device_width_bits": ("dram_structure", "device_width"),
        "bank_groups": ("dram_structure", "bankgroups"),
        "burst_length": ("dram_structure", "BL"),
        "window": ("system", "trans_queue_size"),
        "clock": ("timing", "tCK"),
    }
    last = str(location[-1]) if location else ""
    sections = {"organisation": "dram_structure", "controller": "system"}
    top = str(location[0]) if location else ""
    section, key = names.get(last, (sections.get(top, top), last))
    line = ini.line(section, key)
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
    rule = message.replace("should be", "must be", 1)
    got = "" if detail["type"] == "value_error" else f", got {detail['input']!r}"
    where = f"{ini.path}:{line}" if line else str(ini.path)
    name = f"[{section}] {key}: " if key in {k for s in DEFAULTS.values() for k in s} else ""
    return f"{where}: {name}{rule}{got}"


def _organisation(ini: IniFile, protocol: str) -> dict[str, int]:
    def number(key: str, section: str = "dram_structure") -> int:
        value = ini.integer(section, key)
        if value < 1:
            raise ini.error(ini.line(section, key), section, key, f"must be ≥ 1, got {value}")
        return value

    groups, banks = number("bankgroups"), number("banks_per_group")
    if not ini.boolean("dram_structure", "bankgroup_enable"):
        groups, banks = 1, banks * groups
    columns, width, burst = number("columns"), number("device_width"), number("BL")
    columns *= burst if protocol in GDDR else 2 if protocol in HBM else 1
    rows, bus = number("rows"), number("bus_width", "system")
    megabytes = number("channel_size", "system")
    # DRAMsim3 truncates these quotients; so do we, to find the same number of ranks.
    per_bank = (columns * width // 8) * (rows // 1024) // 1024
    per_rank = per_bank * groups * banks * (bus // width if width <= bus else 1)
    return {
        "channels": number("channels", "system"),
        "bus_width_bits": bus,
        "device_width_bits": width,
        "ranks": max(1, megabytes // per_rank) if per_rank else 1,
        "bank_groups": groups,
        "banks_per_group": banks,
        "rows": rows,
        "columns": columns,
        "burst_length": burst,
    }


def _timing(ini: IniFile, protocol: str, bank_groups: int) -> dict[str, Any]:
    tck = ini.real("timing", "tCK")
    if not 0.001 <= tck <= 1000:
        line = ini.line("timing", "tCK")
        raise ini.error(line, "timing", "tCK", f"must be from 0.001 to 1000 ns, got {tck}")
    keys = ["AL", "CL", "CWL", "tRP", "tRAS", "tRRD_S", "tFAW", "tCCD_S", "tRTP", "tWR"]
    keys += ["tWTR_S", "tRTRS", "tREFI", "tRFC"]
    keys += ["tRCDRD", "tRCDWR"] if protocol in (*GDDR, *HBM) else ["tRCD"]
    if protocol in GDDR:
        keys += ["t32AW"]
    if protocol in (*GDDR, "LPDDR4"):
        keys += ["tPPD"]
    timing: dict[str, Any] = {key: ini.integer("timing", key) for key in keys}
    for short in ("tRRD", "tCCD", "tWTR"):
        # With one bank group only the _S values count, in DRAMsim3 as here.
        timing[f"{short}_L"] = (
            timing[f"{short}_S"] if bank_groups == 1 else ini.integer("timing", f"{short}_L")
        )
    timing["clock"] = f"{round(1e9 / tck)} Hz"
    timing["transfers_per_clock"] = PROTOCOLS[protocol]
    return timing


def _controller(ini: IniFile, protocol: str) -> dict[str, Any]:
    mapping = ini.text("system", "address_mapping")
    words = {short: name for name, short in ADDRESS_FIELDS.items()}
    tokens = [mapping[i : i + 2] for i in range(0, len(mapping), 2)]
    if sorted(tokens) != sorted(words):
        line = ini.line("system", "address_mapping")
        rule = f"must hold each of {', '.join(words)} once, got {mapping!r}"
        raise ini.error(line, "system", "address_mapping", rule)
    structure = ini.choice("system", "queue_structure", ("PER_BANK", "PER_RANK"))
    page = ini.choice("system", "row_buf_policy", ("OPEN_PAGE", "CLOSE_PAGE"))
    ini.choice("system", "refresh_policy", ("RANK_LEVEL_STAGGERED", "RANK_LEVEL_SIMULTANEOUS"))
    window = ini.integer(
        "system", "cmd_queue_size" if structure == "PER_RANK" else "trans_queue_size"
    )
    size = ini.integer("system", "trans_queue_size")
    unified = ini.boolean("system", "unified_queue")
    return {
        "mapping": " ".join(words[token] for token in tokens),
        "window": window,
        # DRAMsim3 drains its write buffer when it is full; the rest as in its command_queue.cc.
        "write_queue": None if unified else {"size": size, "high_percent": 97, "low_percent": 20},
        "hit_limit": 4,
        "opened_row": "shared",
        "refresh_precharge": "single",
        "page_policy": "open" if page == "OPEN_PAGE" else "closed",
        "refresh": "all_bank",
        "dual_command": protocol in HBM and ini.boolean("dram_structure", "hbm_dual_cmd"),
    }


def preset_yaml(imported: Imported, source: str) -> str:
    """Return an imported preset as YAML text, each number with its source."""
    assumed = {text.split(" = ")[0].split(".")[1] for text in imported.defaulted}
    lines = [f"# Made from the DRAMsim3 file {source}."]
    data = imported.spec.model_dump(exclude_none=True)
    ini_names = {
        "bus_width_bits": "bus_width",
        "device_width_bits": "device_width",
        "bank_groups": "bankgroups",
        "burst_length": "BL",
    }
    for key, value in data.items():
        if not isinstance(value, dict):
            lines.append(f"{key}: {value}")
            continue
        lines += ["", f"{key}:"]
        for name, number in value.items():
            origin = ini_names.get(name, name)
            note = "assumed: DRAMsim3's default" if origin in assumed else f"source: {source}"
            if name in OWN_RULES:
                note = "source: DRAMsim3's command_queue.cc"
            if isinstance(number, dict):
                lines.append(f"  {name}:  # source: DRAMsim3's controller.cc, drained when full")
                lines += [f"    {part}: {amount}" for part, amount in number.items()]
            elif isinstance(number, bool):
                lines.append(f"  {name}: {str(number).lower()}  # {note}")
            elif name == "clock":
                lines.append(f"  {name}: {number} Hz  # {note} (tCK)")
            else:
                lines.append(f"  {name}: {number}  # {note}")
        if key == "controller" and "write_queue" not in value:
            lines.append("  write_queue: null  # source: " + source + " (unified_queue)")
    return "\n".join(lines) + "\n"


def export_ini(spec: DramSpec) -> str:
    """Return a preset as a DRAMsim3 ini file.

    Raises
    ------
    ConfigError
        If DRAMsim3 cannot express the preset: another standard or data rate, split address
        fields, a tRC of its own, or no refresh.
    """
    _check_exportable(spec)
    organisation, timing, controller = spec.organisation, spec.timing, spec.controller
    fields = controller.mapping.split()
    columns = organisation.columns
    columns //= organisation.burst_length if spec.standard in GDDR else 1
    columns //= 2 if spec.standard in HBM else 1
    capacity = spec.capacity_bytes // organisation.channels // 2**20
    sections: dict[str, dict[str, Any]] = {
        "dram_structure": {
            "protocol": spec.standard,
            "bankgroups": organisation.bank_groups,
            "banks_per_group": organisation.banks_per_group,
            "rows": organisation.rows,
            "columns": columns,
            "device_width": organisation.device_width_bits,
            "BL": organisation.burst_length,
            **({"hbm_dual_cmd": controller.dual_command} if spec.standard in HBM else {}),
        },
        "timing": {"tCK": f"{1e9 / timing.clock:.6g}"}
        | {
            key: value
            for key, value in timing.model_dump(exclude_none=True).items()
            if key not in ("clock", "transfers_per_clock", "tRC")
        },
        "power": spec.power.model_dump() if spec.power else {},
        "system": {
            "channel_size": capacity,
            "channels": organisation.channels,
            "bus_width": organisation.bus_width_bits,
            "address_mapping": "".join(ADDRESS_FIELDS[name] for name in fields),
            "queue_structure": "PER_RANK",
            "refresh_policy": "RANK_LEVEL_STAGGERED",
            "row_buf_policy": "OPEN_PAGE" if controller.page_policy == "open" else "CLOSE_PAGE",
            "cmd_queue_size": controller.window,
            "trans_queue_size": controller.window,
            "unified_queue": controller.write_queue is None,
        },
    }
    lines = [f"; {spec.name}, written by f2fsim"]
    for section, values in sections.items():
        if values:
            lines += ["", f"[{section}]"]
            lines += [f"{key} = {value}" for key, value in values.items()]
    return "\n".join(lines) + "\n"


def _check_exportable(spec: DramSpec) -> None:
    """Raise `ConfigError` with all that DRAMsim3 cannot express."""
    timing, controller = spec.timing, spec.controller
    problems = {
        f"standard {spec.standard}": spec.standard not in PROTOCOLS,
        f"transfers_per_clock {timing.transfers_per_clock}": PROTOCOLS.get(spec.standard)
        != timing.transfers_per_clock,
        f"mapping {controller.mapping!r}": sorted(controller.mapping.split())
        != sorted(ADDRESS_FIELDS),
        f"tRC {timing.tRC}": timing.tRC not in (None, timing.tRAS + timing.tRP),
        "refresh: off": controller.refresh == "off",
    }
    cannot = [what for what, is_problem in problems.items() if is_problem]
    if cannot:
        raise ConfigError(f"{spec.name}: DRAMsim3 cannot express {', '.join(cannot)}")
