"""An independent judge of DRAM command traces.

It knows the preset's numbers and the standards' rules in their own words, and nothing of the
engines: no derived spacing of `timing.py` is used.  The data bus is checked as a bus: bursts must
not overlap and a change of driver costs `tRTRS` clocks.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from f2fsim.config.dram import DramSpec
from f2fsim.hw.dram.stats import COMMANDS

COLUMN = ("RD", "WR", "RDA", "WRA")
READ, WRITE = ("RD", "RDA"), ("WR", "WRA")


@dataclass(frozen=True)
class Rule:
    """`after` must come at least `clocks` after `before`, if both fall in one `scope`."""

    scope: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    clocks: int
    name: str


def rules(spec: DramSpec) -> list[Rule]:
    """Return the spacing rules of a preset."""
    t = spec.timing
    burst = spec.organisation.burst_length // t.transfers_per_clock
    grouped = spec.organisation.bank_groups > 1
    write_end = t.AL + t.CWL + burst
    trc = t.tRAS + t.tRP if t.tRC is None else t.tRC
    to_read = t.tRCD - t.AL if t.tRCD is not None else (t.tRCDRD or 0)
    to_write = t.tRCD - t.AL if t.tRCD is not None else (t.tRCDWR or 0)
    read_end_of_row = t.AL + t.tRTP
    write_end_of_row = write_end + t.tWR
    found = [
        Rule("bank", ("ACT",), ("ACT",), trc, "tRC"),
        Rule("rank", ("ACT",), ("ACT",), t.tRRD_S, "tRRD_S"),
        Rule("bank", ("ACT",), READ, to_read, "tRCD (read)"),
        Rule("bank", ("ACT",), WRITE, to_write, "tRCD (write)"),
        Rule("bank", ("ACT",), ("PRE",), t.tRAS, "tRAS"),
        Rule("rank", ("ACT",), ("PREA",), t.tRAS, "tRAS"),
        Rule("bank", ("PRE",), ("ACT",), t.tRP, "tRP"),
        Rule("rank", ("PREA",), ("ACT", "REF"), t.tRP, "tRP"),
        Rule("rank", ("PRE",), ("REF",), t.tRP, "tRP"),
        Rule("rank", ("ACT",), ("REF",), trc, "tRC"),
        Rule("rank", ("PRE",), ("PRE", "PREA"), t.tPPD, "tPPD"),
        Rule("bank", ("RD",), ("PRE",), read_end_of_row, "tRTP"),
        Rule("rank", ("RD",), ("PREA",), read_end_of_row, "tRTP"),
        Rule("bank", ("WR",), ("PRE",), write_end_of_row, "tWR"),
        Rule("rank", ("WR",), ("PREA",), write_end_of_row, "tWR"),
        Rule("bank", ("RDA",), ("ACT",), read_end_of_row + t.tRP, "tRTP + tRP"),
        Rule("rank", ("RDA",), ("REF",), read_end_of_row + t.tRP, "tRTP + tRP"),
        Rule("bank", ("WRA",), ("ACT",), write_end_of_row + t.tRP, "tWR + tRP"),
        Rule("rank", ("WRA",), ("REF",), write_end_of_row + t.tRP, "tWR + tRP"),
        Rule("rank", READ, READ, t.tCCD_S, "tCCD_S"),
        Rule("rank", WRITE, WRITE, t.tCCD_S, "tCCD_S"),
        Rule("rank", WRITE, READ, write_end + t.tWTR_S, "tWTR_S"),
        Rule("rank", ("REF",), ("ACT", "REF"), t.tRFC, "tRFC"),
    ]
    if grouped:
        found += [
            Rule("group", ("ACT",), ("ACT",), t.tRRD_L, "tRRD_L"),
            Rule("group", READ, READ, t.tCCD_L, "tCCD_L"),
            Rule("group", WRITE, WRITE, t.tCCD_L, "tCCD_L"),
            Rule("group", WRITE, READ, write_end + t.tWTR_L, "tWTR_L"),
        ]
    return found


class CommandChecker:
    """Checks one command after the other; `violations` grows by a line for each broken rule."""

    def __init__(self, spec: DramSpec) -> None:
        self.spec = spec
        self.violations: list[str] = []
        self._by_command: dict[str, list[Rule]] = defaultdict(list)
        for rule in rules(spec):
            for command in rule.after:
                self._by_command[command].append(rule)
        self._last: dict[tuple[object, ...], int] = {}
        self._open: dict[tuple[int, ...], int] = {}
        self._acts: dict[tuple[int, int], deque[int]] = defaultdict(lambda: deque(maxlen=32))
        self._bus: dict[int, tuple[int, object]] = {}
        self._slots: dict[tuple[int, bool], int] = {}
        self._refreshed: dict[tuple[int, int], int] = defaultdict(int)

    def check(self, record: Sequence[int]) -> None:
        """Check a record: clock, channel, rank, bank group, bank, row, command number."""
        clock, channel, rank, group, bank, row, number = (int(value) for value in record)
        command = COMMANDS[number]
        scopes: dict[str, tuple[int, ...]] = {
            "rank": (channel, rank),
            "group": (channel, rank, group),
            "bank": (channel, rank, group, bank),
        }
        where = f"clock {clock}: {command} channel {channel} rank {rank} bank {group}/{bank}"
        for rule in self._by_command[command]:
            for before in rule.before:
                last = self._last.get((*scopes[rule.scope], rule.scope, before))
                if last is not None and clock - last < rule.clocks:
                    self.violations.append(
                        f"{where}: {rule.name} needs {rule.clocks} clocks after {before} "
                        f"at {last}, got {clock - last}"
                    )
        self._check_bus(where, clock, channel, command)
        self._check_row(where, scopes, row, command)
        if command == "ACT":
            self._check_window(where, clock, (channel, rank))
        if command in COLUMN:
            self._check_data(where, clock, channel, rank, command)
        if command == "REF":
            self._check_refresh(where, clock, (channel, rank))
        for scope, key in scopes.items():
            if group >= 0 or scope == "rank":
                self._last[(*key, scope, command)] = clock

    def _check_bus(self, where: str, clock: int, channel: int, command: str) -> None:
        """One command a clock; with two command buses, one column and one row command."""
        slot = (channel, self.spec.controller.dual_command and command in COLUMN)
        if self._slots.get(slot, -1) >= clock:
            self.violations.append(f"{where}: the command bus carries another command")
        self._slots[slot] = clock

    def _check_row(
        self, where: str, scopes: dict[str, tuple[int, ...]], row: int, command: str
    ) -> None:
        bank, rank = scopes["bank"], scopes["rank"]
        if command == "ACT":
            if bank in self._open:
                self.violations.append(f"{where}: row {self._open[bank]} is open")
            self._open[bank] = row
        elif command in COLUMN:
            if self._open.get(bank) != row:
                self.violations.append(
                    f"{where}: row {row} is not open (open: {self._open.get(bank)})"
                )
            if command in ("RDA", "WRA"):
                self._open.pop(bank, None)
        elif command == "PRE":
            if self._open.pop(bank, None) is None:
                self.violations.append(f"{where}: no row is open")
        else:
            open_banks = [key for key in self._open if key[:2] == rank]
            if command == "REF" and open_banks:
                self.violations.append(f"{where}: {len(open_banks)} banks are open")
            for key in open_banks:
                del self._open[key]

    def _check_window(self, where: str, clock: int, rank: tuple[int, int]) -> None:
        t, acts = self.spec.timing, self._acts[rank]
        if len(acts) >= 4 and clock - acts[-4] < t.tFAW:
            self.violations.append(f"{where}: fifth ACT within tFAW ({t.tFAW}) of {acts[-4]}")
        if t.t32AW and len(acts) == 32 and clock - acts[0] < t.t32AW:
            self.violations.append(f"{where}: 33rd ACT within t32AW ({t.t32AW}) of {acts[0]}")
        acts.append(clock)

    def _check_data(self, where: str, clock: int, channel: int, rank: int, command: str) -> None:
        t = self.spec.timing
        burst = self.spec.organisation.burst_length // t.transfers_per_clock
        write = command in WRITE
        start = clock + t.AL + (t.CWL if write else t.CL)
        driver: object = "controller" if write else rank
        if channel in self._bus:
            end, last = self._bus[channel]
            turned = last != driver and not self._turned_in_rank(channel, rank, write)
            need = end + (t.tRTRS if turned else 0)
            if start < need:
                self.violations.append(
                    f"{where}: data from {start}, the bus is free from {need} for this driver"
                )
        self._bus[channel] = (start + burst, driver)

    def _turned_in_rank(self, channel: int, rank: int, write: bool) -> bool:
        """Tell whether a read follows a write of its own rank: tWTR covers that turn."""
        last_write = max(
            (self._last.get((channel, rank, "rank", name), -1) for name in WRITE), default=-1
        )
        last_any = max(
            self._last.get((channel, other, "rank", name), -1)
            for other in range(self.spec.organisation.ranks)
            for name in COLUMN
        )
        return not write and last_write >= 0 and last_write == last_any

    def _check_refresh(self, where: str, clock: int, rank: tuple[int, int]) -> None:
        """At most nine intervals between refreshes (JESD79-4: eight may be postponed)."""
        limit = 9 * self.spec.timing.tREFI
        if clock - self._refreshed[rank] > limit:
            self.violations.append(f"{where}: last refresh at {self._refreshed[rank]}")
        self._refreshed[rank] = clock


def check_commands(spec: DramSpec, records: Iterable[Sequence[int]]) -> list[str]:
    """Return one line for each rule broken in a command trace (in clock order)."""
    checker = CommandChecker(spec)
    for record in records:
        checker.check(record)
    return checker.violations
