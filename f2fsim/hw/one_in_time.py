"""What machines have in common that take the same time for everything."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Timing:
    """Of machines that are one in time: they differ in what their parts count alone.

    ``is_sound`` once the wiring of one of them was checked.
    """

    is_sound: bool = False
