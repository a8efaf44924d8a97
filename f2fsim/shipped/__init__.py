"""The configuration files that come with the package, found by name.

In a wheel the YAML files lie beside this file; in a source tree they lie at the top level, in
``arch_configs/``, ``duels/`` and ``workloads/``.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

KINDS = ("arch_configs", "duels", "workloads")


def folder(kind: str) -> Path:
    """Return the folder of shipped files of `kind`, one of `KINDS`."""
    here = Path(__file__).parent
    inside = here / kind
    return inside if inside.is_dir() else here.parents[1] / kind


def names(kind: str, sub: str = "") -> dict[str, Path]:
    """Return shipped files by name (stem), sorted; `sub` is a folder below, such as ``dram``."""
    return yaml_files(folder(kind) / sub)


def yaml_files(place: Path) -> dict[str, Path]:
    """Return the YAML files of a folder by name (stem), sorted."""
    try:
        changed = place.stat().st_mtime_ns
    except OSError:
        return {}
    return dict(_yaml_files(place, changed))


@lru_cache(maxsize=64)
def _yaml_files(place: Path, changed_ns: int) -> dict[str, Path]:
    return {path.stem: path for path in sorted(place.glob("*.yaml"))}


def find(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is meant: case, hyphens, underscores and dots are forgiven.

    An exact name goes before a forgiven one; None if there is none, or two are alike.
    """
    several = list(known)
    if name in several:
        return name
    alike = [one for one in several if _plain(one) == _plain(name)]
    return alike[0] if len(alike) == 1 else None


def near(name: str, known: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the nearest of the known names, or an empty string.

    Names that begin like it count too: ``ddr4`` means ``ddr4_2400``.
    """
    by_plain = {_plain(one): one for one in known}
    plain = _plain(name)
    close = get_close_matches(plain, list(by_plain), n=1, cutoff=0.6)
    close += [one for one in by_plain if plain and (one.startswith(plain) or plain in one)]
    return f" (did you mean {by_plain[close[0]]!r}?)" if close else ""


def _plain(name: str) -> str:
    return "".join(char for char in name.lower() if char.isalnum())
