"""Lines of request traces: this package's own form, DRAMsim3's, and those of Ramulator 1 and 2.

==================== ===================================== ==========================
form                 a line                                written by
==================== ===================================== ==========================
text                 ``0xADDR R|W|READ|WRITE CYCLE [NAME]`` this package, DRAMsim3
ramulator            ``0xADDR R|W``                        Ramulator 1, memory traces
ramulator2           ``LD|ST ADDR``                        Ramulator 2, LoadStoreTrace
ramulator2_vector    ``R|W CH,RANK[,GROUP],BANK,ROW,COL``  Ramulator 2, ReadWriteTrace
ramulator_cpu        ``N ADDR [ADDR]``                     both, traces of a core: N instructions,
                                                           a read, the write-back of a line
==================== ===================================== ==========================

Ramulator's memory traces have no times: each request comes as soon as it can enter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from f2fsim.errors import near_miss
from f2fsim.hw.dram.mapping import address_of
from f2fsim.hw.dram.timing import DramParams

MAX_CYCLE = 2**60
OPERATIONS = {"R": 0, "W": 1, "READ": 0, "WRITE": 1}
_LOADS = {"LD": 0, "ST": 1}
_HEX = re.compile(r"0[xX][0-9a-fA-F]{1,16}\Z")
_NUMBER = re.compile(r"(?:0[xX][0-9a-fA-F]{1,16}|[0-9]{1,20})\Z")
_COUNT = re.compile(r"[0-9]{1,19}\Z")
_VECTOR = re.compile(r"[0-9]{1,9}(?:,[0-9]{1,9}){4,5}\Z")
_STREAM = re.compile(r"[A-Za-z0-9_.-]{1,40}\Z")


@dataclass(frozen=True)
class Request:
    """One request as the line says it; `clock` is its earliest memory clock."""

    address: int
    write: int
    clock: int
    stream: str = "all"


class LineError(Exception):
    """A line breaks a rule of its form; the message is the rule with the value."""


@dataclass
class LineReader:
    """Reads the lines of one file in order.

    Attributes
    ----------
    params : DramParams
        The memory that address vectors are for.
    instructions_per_clock : float or None
        Of the core that a core's trace was taken from, in memory clocks.
    """

    params: DramParams
    instructions_per_clock: float | None = None
    n_instructions: int = 0

    def read(self, form: str, words: Sequence[str]) -> list[Request]:
        """Return the requests of a line; `LineError` if it breaks the form's rule."""
        return _READERS[form](self, words)

    def text(self, words: Sequence[str]) -> list[Request]:
        """Read ``0xADDR R|W CYCLE [NAME]``."""
        if len(words) not in (3, 4):
            _wrong("0xADDRESS R|W CYCLE [STREAM]", words)
        if not _HEX.match(words[0]):
            raise LineError(f"address must be hexadecimal with 0x, got {words[0][:40]!r}")
        write = _operation(words[1])
        if not _COUNT.match(words[2]) or int(words[2]) > MAX_CYCLE:
            rule = f"cycle must be a whole number from 0 to {MAX_CYCLE}"
            raise LineError(f"{rule}, got {words[2][:40]!r}")
        if len(words) == 4 and not _STREAM.match(words[3]):
            rule = "stream must be up to 40 letters, digits, '_', '.' or '-'"
            raise LineError(f"{rule}, got {words[3][:60]!r}")
        return [Request(int(words[0], 16), write, int(words[2]), *words[3:])]

    def ramulator(self, words: Sequence[str]) -> list[Request]:
        """Read ``0xADDR R|W``."""
        if len(words) != 2:
            _wrong("0xADDRESS R|W", words)
        return [Request(_address(words[0]), _operation(words[1]), 0)]

    def ramulator2(self, words: Sequence[str]) -> list[Request]:
        """Read ``LD|ST ADDR``."""
        if len(words) != 2 or words[0] not in _LOADS:
            _wrong("LD|ST ADDRESS", words)
        return [Request(_address(words[1]), _LOADS[words[0]], 0)]

    def ramulator2_vector(self, words: Sequence[str]) -> list[Request]:
        """Read ``R|W CH,RANK[,GROUP],BANK,ROW,COL``, columns counted in bursts."""
        if len(words) != 2 or not _VECTOR.match(words[1]):
            _wrong("R|W CHANNEL,RANK[,BANK_GROUP],BANK,ROW,COLUMN", words)
        fields = [int(part) for part in words[1].split(",")]
        p = self.params
        if len(fields) == 5:
            fields.insert(2, 0)
        sizes = (p.n_channels, p.n_ranks, p.n_bank_groups, p.n_banks_per_group, p.n_rows,
                 p.n_columns)  # fmt: skip
        names = ("channel", "rank", "bank group", "bank", "row", "column")
        for name, value, size in zip(names, fields, sizes, strict=True):
            if value >= size:
                raise LineError(f"{name} must be below {size} of {p.name}, got {value}")
        return [Request(address_of(p, fields), _operation(words[0]), 0)]

    def ramulator_cpu(self, words: Sequence[str]) -> list[Request]:
        """Read ``N ADDR [ADDR]``: the read comes N instructions after the last one."""
        if self.instructions_per_clock is None:
            raise LineError(
                "is a line of a core's trace (N instructions, a read, a write-back): give how many "
                "instructions the core runs a memory clock"
            )
        if len(words) not in (2, 3) or not _COUNT.match(words[0]):
            _wrong("N ADDRESS [ADDRESS]", words)
        self.n_instructions += int(words[0])
        clock = int(self.n_instructions / self.instructions_per_clock)
        if clock > MAX_CYCLE:
            raise LineError(f"cycle must be at most {MAX_CYCLE}, got {clock}")
        return [Request(_address(word), i, clock) for i, word in enumerate(words[1:])]


_READERS: dict[str, Callable[[LineReader, Sequence[str]], list[Request]]] = {
    "text": LineReader.text,
    "ramulator": LineReader.ramulator,
    "ramulator2": LineReader.ramulator2,
    "ramulator2_vector": LineReader.ramulator2_vector,
    "ramulator_cpu": LineReader.ramulator_cpu,
}
#: Forms of lines by name.
FORMS = tuple(_READERS)


def form_of(words: Sequence[str]) -> str:
    """Return the form that a trace's first line has; ``text`` if it has none."""
    if len(words) == 2 and _HEX.match(words[0]) and words[1].upper() in OPERATIONS:
        return "ramulator"
    if len(words) == 2 and words[0] in _LOADS:
        return "ramulator2"
    if len(words) == 2 and words[0].upper() in OPERATIONS:
        return "ramulator2_vector"
    if len(words) in (2, 3) and _COUNT.match(words[0]) and all(map(_NUMBER.match, words[1:])):
        return "ramulator_cpu"
    return "text"


def _operation(word: str) -> int:
    if word.upper() not in OPERATIONS:
        hint = near_miss(word.upper(), OPERATIONS)
        raise LineError(f"operation must be R, W, READ or WRITE{hint}, got {word[:40]!r}")
    return OPERATIONS[word.upper()]


def _address(word: str) -> int:
    if not _NUMBER.match(word):
        raise LineError(f"address must be a whole number, or hexadecimal with 0x: {word[:40]!r}")
    return int(word, 16 if word[:2] in ("0x", "0X") else 10)


def _wrong(form: str, words: Sequence[str]) -> None:
    raise LineError(f"a line must read '{form}', got {' '.join(words)[:60]!r}")
