"""DRAM presets: the standard's own words, read from YAML, checked and frozen.

Owns the file form of a memory system (`DramSpec`) and the rules between its numbers.  All timings
are in memory clocks, as the standards' speed bins and DRAMsim3's files give them.
`f2fsim.hw.dram.timing` derives command spacings; `f2fsim.config.dramsim3` reads and writes
DRAMsim3's ini form.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from f2fsim.config.dram_map import mapping_segments
from f2fsim.config.quantity import ConfigModel, Hertz

Clocks = Annotated[int, Field(ge=0, le=10**9)]
PositiveClocks = Annotated[int, Field(ge=1, le=10**9)]
MilliAmpere = Annotated[float, Field(ge=0, le=10**5)]
Count = Annotated[int, Field(ge=1, le=2**24)]


def _power_of_two(value: int) -> int:
    if value & (value - 1):
        raise ValueError(f"must be a power of two, got {value}")
    return value


class Organisation(ConfigModel):
    """How a channel is built: ranks of devices, their banks, rows and columns.

    Attributes
    ----------
    channels : int
        Independent channels, each with a bus of its own.
    bus_width_bits, device_width_bits : int
        Bits of a channel's data bus, and of one device on it.
    ranks, bank_groups, banks_per_group : int
        Ranks of a channel, bank groups of a rank, banks of a group.
    rows : int
        Rows of a bank.
    burst_length : int
        Transfers of a burst on the data bus.
    """

    channels: Annotated[int, Field(ge=1, le=256)] = 1
    bus_width_bits: Annotated[int, Field(ge=4, le=4096)]
    device_width_bits: Annotated[int, Field(ge=1, le=4096)]
    ranks: Annotated[int, Field(ge=1, le=16)] = 1
    bank_groups: Annotated[int, Field(ge=1, le=16)] = 1
    banks_per_group: Annotated[int, Field(ge=1, le=64)]
    rows: Count
    columns: Count = Field(description="words of the device width in a row")
    burst_length: Annotated[int, Field(ge=1, le=64)]

    _powers = field_validator("*")(_power_of_two)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.bus_width_bits < self.device_width_bits:
            raise ValueError(
                f"device_width_bits ({self.device_width_bits}) must be at most bus_width_bits "
                f"({self.bus_width_bits})"
            )
        if self.bus_width_bits * self.burst_length < 8:
            raise ValueError("a burst (bus_width_bits × burst_length) must have at least one byte")
        if self.columns < self.burst_length:
            raise ValueError(
                f"columns ({self.columns}) must be at least burst_length ({self.burst_length})"
            )
        if self.ranks * self.bank_groups * self.banks_per_group > 256:
            raise ValueError("ranks × bank_groups × banks_per_group must be at most 256")
        return self

    @property
    def burst_bytes(self) -> int:
        """Bytes moved by one column command."""
        return self.bus_width_bits * self.burst_length // 8

    @property
    def bursts_per_row(self) -> int:
        """Column commands that read one row of a bank."""
        return self.columns // self.burst_length

    @property
    def devices_per_rank(self) -> int:
        """Devices that work in step."""
        return self.bus_width_bits // self.device_width_bits


class Timing(ConfigModel):
    """JEDEC timings in memory clocks.

    Attributes
    ----------
    transfers_per_clock : int
        Transfers on the data bus in a command clock.
    AL, CL, CWL : int
        Additive latency, and clocks from a read or write command to its first data.
    tRCD, tRCDRD, tRCDWR : int or None
        Clocks from activating a row to a column command (to a read, to a write).
    tRP, tRAS : int
        Clocks of a precharge, and from activating a row to its precharge.
    tRRD_S, tRRD_L : int
        Clocks between two activations, of other bank groups and of the same.
    tFAW, t32AW : int
        Window that may hold four (32) activations of a rank; 0: no such rule.
    tCCD_S, tCCD_L : int
        Clocks between two column commands, of other bank groups and of the same.
    tRTP, tWR : int
        Clocks from a read to a precharge, and from the last written data to one.
    tWTR_S, tWTR_L : int
        Clocks from the last written data to a read, of other bank groups and of the same.
    tPPD : int
        Clocks between two precharges.
    tREFI, tRFC : int
        Mean clocks between refreshes, and clocks of one.
    """

    clock: Hertz = Field(description="command clock (CK)")
    transfers_per_clock: Annotated[int, Field(ge=1, le=64)] = 2
    AL: Clocks = 0
    CL: PositiveClocks
    CWL: PositiveClocks
    tRCD: PositiveClocks | None = None
    tRCDRD: PositiveClocks | None = None
    tRCDWR: PositiveClocks | None = None
    tRP: PositiveClocks
    tRAS: PositiveClocks
    tRC: PositiveClocks | None = Field(default=None, description="tRAS + tRP if not given")
    tRRD_S: PositiveClocks
    tRRD_L: PositiveClocks
    tFAW: Clocks
    t32AW: Clocks = 0
    tCCD_S: PositiveClocks
    tCCD_L: PositiveClocks
    tRTP: Clocks
    tWR: Clocks
    tWTR_S: Clocks
    tWTR_L: Clocks
    tRTRS: Clocks = Field(default=2, description="idle data-bus clocks between two drivers")
    tPPD: Clocks = 0
    tREFI: PositiveClocks
    tRFC: PositiveClocks

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.tRCD is None and (self.tRCDRD is None or self.tRCDWR is None):
            raise ValueError("tRCD, or both tRCDRD and tRCDWR, must be given")
        if self.tRCD is not None and (self.tRCDRD is not None or self.tRCDWR is not None):
            raise ValueError("tRCD excludes tRCDRD and tRCDWR")
        if self.tRCD is not None and self.tRCD <= self.AL:
            raise ValueError(f"AL ({self.AL}) must be below tRCD ({self.tRCD})")
        for longer, shorter in (("tRRD_L", "tRRD_S"), ("tCCD_L", "tCCD_S"), ("tWTR_L", "tWTR_S")):
            if getattr(self, longer) < getattr(self, shorter):
                raise ValueError(
                    f"{longer} ({getattr(self, longer)}) must be at least "
                    f"{shorter} ({getattr(self, shorter)})"
                )
        if self.tRC is not None and self.tRC < self.tRAS:
            raise ValueError(f"tRC ({self.tRC}) must be at least tRAS ({self.tRAS})")
        if self.tREFI <= self.tRFC + self.tRP:
            raise ValueError(
                f"tREFI ({self.tREFI}) must be above tRFC + tRP ({self.tRFC + self.tRP}): "
                "otherwise the memory only refreshes"
            )
        return self


class WriteQueue(ConfigModel):
    """A queue of its own for writes, drained between two marks.

    Attributes
    ----------
    size : int
        Writes that wait.
    """

    size: Annotated[int, Field(ge=1, le=512)] = 32
    high_percent: Annotated[int, Field(ge=0, le=100)] = Field(
        default=80, description="drain writes when more than this share of the queue is taken"
    )
    low_percent: Annotated[int, Field(ge=0, le=100)] = Field(
        default=20, description="go back to reads when less than this share is taken"
    )

    @model_validator(mode="after")
    def _marks(self) -> Self:
        if self.low_percent >= self.high_percent:
            raise ValueError(
                f"low_percent ({self.low_percent}) must be below high_percent ({self.high_percent})"
            )
        return self


class Controller(ConfigModel):
    """Scheduling: window, write queue, page policy, refresh, and the address map.

    Attributes
    ----------
    window : int
        Requests that the scheduler chooses from.
    write_queue : WriteQueue or None
        Queue that collects writes; None: they go with the reads.
    page_policy : str
        ``open``: rows stay open; ``closed``: they are closed when no request waits for them.
    refresh : str
        ``all_bank`` or ``off``.
    """

    mapping: Annotated[str, Field(max_length=200)] = Field(
        description="address fields from the top bit down, such as "
        "'row rank bank column:5 bank_group column:2 channel'"
    )
    window: Annotated[int, Field(ge=1, le=512)] = 32
    write_queue: WriteQueue | None = WriteQueue()
    hit_limit: Annotated[int, Field(ge=0, le=10**6)] = Field(
        default=0,
        description="younger row hits go before an older request for another row of the bank "
        "until the row has had so many column commands; 0: they never do",
    )
    opened_row: Literal["reserved", "shared"] = Field(
        default="reserved",
        description="reserved: the request that a row was opened for leaves the window and goes "
        "before all others and before a refresh; shared: it stays there, as any row hit",
    )
    page_policy: Literal["open", "closed"] = "open"
    refresh: Literal["all_bank", "off"] = "all_bank"
    refresh_precharge: Literal["all", "single"] = Field(
        default="all",
        description="all: a refresh closes its rank with one PREA; single: with a PRE a bank",
    )
    dual_command: bool = Field(
        default=False, description="row and column commands on buses of their own (HBM)"
    )


class Power(ConfigModel):
    """Supply voltage and the datasheet's currents of one device.

    Attributes
    ----------
    VDD : float
        Supply voltage in volts.
    IDD0, IDD2N, IDD3N, IDD4R, IDD4W, IDD5AB : float
        Currents of a device in milliamperes, as the data sheet names them.
    """

    VDD: Annotated[float, Field(gt=0, le=10)]
    IDD0: MilliAmpere
    IDD2N: MilliAmpere
    IDD3N: MilliAmpere
    IDD4R: MilliAmpere
    IDD4W: MilliAmpere
    IDD5AB: MilliAmpere


class DramSpec(ConfigModel):
    """A memory system: one standard, one speed grade, one controller.

    Attributes
    ----------
    standard : str
        Name of the standard, such as LPDDR4.
    organisation, timing, controller, power
        Its sections; without `power` no energy is computed from currents.
    """

    name: Annotated[str, Field(min_length=1, max_length=80)]
    standard: Annotated[str, Field(min_length=1, max_length=20)]
    organisation: Organisation
    timing: Timing
    controller: Controller
    power: Power | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        organisation, timing = self.organisation, self.timing
        if organisation.burst_length % timing.transfers_per_clock:
            raise ValueError(
                f"organisation.burst_length ({organisation.burst_length}) must be a multiple of "
                f"timing.transfers_per_clock ({timing.transfers_per_clock})"
            )
        mapping_segments(self.controller.mapping, self.field_bits)
        return self

    @property
    def field_bits(self) -> dict[str, int]:
        """Address bits of each field, columns counted in bursts."""
        organisation = self.organisation
        sizes = {
            "channel": organisation.channels,
            "rank": organisation.ranks,
            "bank_group": organisation.bank_groups,
            "bank": organisation.banks_per_group,
            "row": organisation.rows,
            "column": organisation.bursts_per_row,
        }
        return {name: size.bit_length() - 1 for name, size in sizes.items()}

    @property
    def burst_clocks(self) -> int:
        """Memory clocks for which a burst holds the data bus."""
        return self.organisation.burst_length // self.timing.transfers_per_clock

    @property
    def capacity_bytes(self) -> int:
        """Bytes of all channels together."""
        return self.organisation.burst_bytes << sum(self.field_bits.values())

    @property
    def peak_bytes_per_second(self) -> float:
        """Data bus bandwidth of all channels."""
        organisation, timing = self.organisation, self.timing
        transfers = timing.clock * timing.transfers_per_clock
        return transfers * organisation.bus_width_bits / 8 * organisation.channels
