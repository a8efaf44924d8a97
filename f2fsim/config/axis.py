"""One axis of a sweep or search: a list of values, a range, or an interval to draw from."""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from random import Random
from typing import Any, Self

from pydantic import Field, model_validator

from f2fsim.config.quantity import ConfigModel
from f2fsim.errors import InputError

#: More values than any sweep runs, yet few enough to look through at once.
MAX_VALUES = 100_000
#: Sizes of a range's ends and step.
_LARGEST, _SMALLEST = Decimal(2**62), Decimal("1e-30")
_NUMBER = r"\s*[-+]?(?:\d{1,40}\.?\d{0,40}|\.\d{1,40})(?:[eE][-+]?\d{1,4})?\s*"
#: From:to or from:to:step, in numbers.
_RANGE = re.compile(f"{_NUMBER}:{_NUMBER}(?::{_NUMBER})?", re.ASCII)


class Axis(ConfigModel):
    """Values of one parameter.

    In a file: a list ``[40, 44]``, whose parts may be ranges; ``"40:120:4"`` or ``{from: 40, to:
    120, step: 4}``, the end included; or ``{low: 1, high: 64, log: true}``, from which random
    sweeps and searches draw (integers if both ends are integers).

    Attributes
    ----------
    values : tuple
        What the axis takes, in order; empty for an interval.
    low, high : int, float or None
        An interval's ends, both included.
    log : bool
        Whether an interval is drawn from evenly in the logarithm.
    """

    values: tuple[Any, ...] = Field(default=(), strict=False)
    low: int | float | None = None
    high: int | float | None = None
    log: bool = False

    @model_validator(mode="before")
    @classmethod
    def _forms(cls, data: Any) -> Any:
        if isinstance(data, str):
            return {"values": tuple(_range(*_split(data)))}
        if isinstance(data, list | tuple):
            return {"values": tuple(value for part in data for value in _values(part))}
        if isinstance(data, dict) and set(data) & {"from", "to", "step"}:
            if set(data) - {"from", "to", "step"} or not {"from", "to"} <= set(data):
                raise ValueError(f"a range has the keys from, to and step, got {list(data)}")
            return {"values": tuple(_range(data["from"], data["to"], data.get("step", 1)))}
        if isinstance(data, dict):
            return data
        raise ValueError(
            f"must be a list of values, a range '40:120:4' or {{from, to, step}}, or an interval "
            f"{{low, high}}, got {data!r}"
        )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.low is None) != (self.high is None) or bool(self.values) == (self.low is not None):
            raise ValueError("must have values, or low and high")
        if self.low is not None and self.high is not None:
            for end in (self.low, self.high):
                if isinstance(end, bool) or not math.isfinite(end):
                    raise ValueError(f"ends of an interval must be finite numbers, got {end!r}")
            if not self.low < self.high:
                raise ValueError(f"low must be < high, got {self.low} and {self.high}")
            if self.log and self.low <= 0:
                raise ValueError(f"a logarithmic interval needs low > 0, got {self.low}")
        seen = set[Any]()
        for value in self.values:
            if (key := _key(value)) in seen:
                raise ValueError(f"value {str(value)[:60]!r} is given twice")
            seen.add(key)
        return self

    @property
    def is_interval(self) -> bool:
        """Whether values are drawn and not listed."""
        return self.low is not None

    @property
    def is_integer(self) -> bool:
        """Whether an interval holds integers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def shares(self) -> list[tuple[int, float]]:
        """Return the integers of an interval, each with how likely `draw` is to give it."""
        low, high = int(self.low or 0), int(self.high or 0)
        if not self.log:
            return [(value, 1.0 / (high - low + 1)) for value in range(low, high + 1)]
        whole = math.log((high + 0.5) / (low - 0.5))
        return [(v, math.log((v + 0.5) / (v - 0.5)) / whole) for v in range(low, high + 1)]

    def draw(self, rng: Random) -> Any:
        """Return one value at random."""
        if self.low is None or self.high is None:
            return self.values[rng.randrange(len(self.values))]
        if self.log:
            # Integers get the whole cell around them, so that both ends are as likely as others.
            pad = 0.5 if self.is_integer else 0.0
            low, high = math.log(self.low - pad), math.log(self.high + pad)
            value = math.exp(low + (high - low) * rng.random())
            if self.is_integer:
                return min(max(round(value), int(self.low)), int(self.high))
            return min(max(value, self.low), self.high)
        if self.is_integer:
            return rng.randint(int(self.low), int(self.high))
        return self.low + (self.high - self.low) * rng.random()


def _key(value: Any) -> Any:
    """Return a key that tells 1, 1.0, True and "1" apart and works for sections too."""
    if isinstance(value, bool | int | float | str) or value is None:
        return type(value), value
    return json.dumps(value, sort_keys=True, default=str)


def _values(part: Any) -> list[Any]:
    """Return the values of one part of a list: of a range, or the part itself."""
    return _range(*_split(part)) if isinstance(part, str) and _RANGE.fullmatch(part) else [part]


def _split(text: str) -> tuple[Any, Any, Any]:
    parts = text.split(":")
    if len(parts) not in (2, 3):
        raise ValueError(f"must be a range from:to:step such as '40:120:4', got {text[:60]!r}")
    if _RANGE.fullmatch(text) is None:
        raise ValueError(f"must be a range of numbers such as '40:120:4', got {text[:60]!r}")
    numbers = [Decimal(part.strip()) for part in parts]
    first, last, step = (*numbers, Decimal(1))[:3]
    if any("." in part or "e" in part.lower() for part in parts):
        return first, last, step
    return int(first), int(last), int(step)


def _range(first: Any, last: Any, step: Any) -> list[Any]:
    """Return first, first + step … up to and including last; decimal steps are exact."""
    ends = []
    for name, value in (("from", first), ("to", last), ("step", step)):
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            raise ValueError(f"{name} of a range must be a number, got {str(value)[:40]!r}")
        end = Decimal(str(value)[:400])
        if not end.is_finite() or abs(end) > _LARGEST or (end and abs(end) < _SMALLEST):
            rule = f"must be 0 or between {_SMALLEST:.0e} and {_LARGEST:.0e}"
            raise ValueError(f"{name} of a range {rule} in size, got {str(value)[:40]}")
        ends.append(end)
    start, stop, by = ends
    if by <= 0 or stop < start:
        raise ValueError(f"a range needs from ≤ to and step > 0, got {first}:{last}:{step}")
    if (stop - start) / by >= MAX_VALUES:
        raise ValueError(f"a range has at most {MAX_VALUES} values, got {first}:{last}:{step}")
    count = int((stop - start) / by) + 1
    whole = all(isinstance(value, int) for value in (first, last, step))
    return [int(start + i * by) if whole else float(start + i * by) for i in range(count)]


def parse_axis(text: str) -> tuple[str, Any]:
    """Parse ``path=values`` of a command line: ``front_end.n_out=40:120:4``, ``sparsity=0.8,0.9``.

    A list may stand in brackets, as in a file, and its parts may be ranges: ``80,20:40:20``.

    Returns
    -------
    tuple of str and list or str
        The path, and what `Axis` takes.

    Raises
    ------
    InputError
        If there is no ``=``, no path or no value.
    """
    path, equals, values = text.partition("=")
    if not equals or not path.strip() or not values.strip():
        raise InputError(
            f"--axis must be path=values such as front_end.n_out=40:120:4 or sparsity=0.8,0.9, "
            f"got {text!r}"
        )
    values = values.strip()
    if values.startswith("[") and values.endswith("]"):
        values = values[1:-1]
    elif ":" in values and "," not in values:
        return path.strip(), values
    return path.strip(), [_scalar(part.strip()) for part in values.split(",")]


def parse_setting(text: str) -> tuple[str, Any]:
    """Parse ``path=value`` of a command line: one key of an architecture and its value.

    Raises
    ------
    InputError
        If there is no ``=``, no path or no value.
    """
    path, equals, value = (part.strip() for part in text.partition("="))
    if not (path and equals and value):
        raise InputError(f"--set must be path=value such as memory.n_channels=2, got {text!r}")
    return path, _scalar(value)


def _scalar(text: str) -> Any:
    words = {"true": True, "false": False, "null": None}
    if text in words:
        return words[text]
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        return value if math.isfinite(value) else text
    return text
