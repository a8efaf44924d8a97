"""The one root of all errors, and the exit status each maps to.

Every class takes positional arguments only: simpy and process pools rebuild an exception as
``type(exc)(*exc.args)``, and keyword-only arguments would turn it into an unrelated ``TypeError``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

#: Characters of a foreign value that a message shows.
_MOST_NAMES = 20_000
_SHOWN_CHARACTERS = 80


class F2fsimError(Exception):
    """Root of all errors of this package; a failure of the program or the machine (exit 1)."""

    exit_code = 1


class InputError(F2fsimError):
    """What the user gave cannot be used (exit 2); the message names place, rule and value."""

    exit_code = 2


class ConfigError(InputError):
    """One or more problems in a configuration; the message holds one line for each."""


class DataError(InputError):
    """A weight, container or trace file is missing, damaged or of the wrong kind."""


class MissingDependencyError(InputError):
    """An optional package is needed; the message gives the command that installs it."""


class SimulationError(F2fsimError):
    """The simulated machine broke one of its own rules (conservation, bound, order)."""


class DeadlockError(SimulationError):
    """No component can go on; the message lists who waits on what."""


def near_miss(name: str, known: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the known name closest to `name`, or an empty string."""
    names = list(known)
    if len(name) > _SHOWN_CHARACTERS or len(names) > _MOST_NAMES:
        return ""  # comparing would take longer than reading them
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""


def choices(known: Iterable[str]) -> str:
    """Return the known names as a comma-separated list for an error message."""
    return ", ".join(sorted(known))


def in_a_line(value: Any) -> str:
    """Return a value that was read as it stands in a message: never more than part of a line."""
    text = repr(value)
    if len(text) <= _SHOWN_CHARACTERS:
        return text
    return f"{text[: _SHOWN_CHARACTERS - 20]}… ({len(text):,} characters)"
