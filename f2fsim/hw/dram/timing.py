"""From a preset to integer command spacings: the flat object that both engines run on.

Owns the formulas of the command-to-command spacings.  They follow JEDEC's definitions and give
the same clocks as DRAMsim3 (commit 2981759) for the same parameters.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property

from f2fsim.config.dram import DramSpec
from f2fsim.config.dram_map import ADDRESS_FIELDS, mapping_segments

#: Order of the fields in `DramParams.mapping`.
FIELD_INDEX = {name: index for index, name in enumerate(ADDRESS_FIELDS)}


@dataclass(frozen=True)
class DramParams:
    """A memory system in integer memory clocks.

    Spacings are named ``<first>_<next>`` with ``_s`` for another bank group, ``_l`` for the same
    one, ``_o`` for another rank of the channel; without suffix they hold inside a bank or rank.
    ``mapping`` holds ``(field, address_bit, field_bit, n_bits)`` with the field's number of
    `FIELD_INDEX` and address bits counted above the offset in a burst.
    """

    name: str
    clock_hz: int
    n_channels: int
    n_ranks: int
    n_bank_groups: int
    n_banks_per_group: int
    n_rows: int
    n_columns: int
    burst_bytes: int
    mapping: tuple[tuple[int, int, int, int], ...]
    burst_clocks: int
    read_latency: int
    write_latency: int
    act_rd: int
    act_wr: int
    act_pre: int
    act_act: int
    act_act_s: int
    act_act_l: int
    four_act: int
    thirty_two_act: int
    pre_act: int
    pre_pre: int
    rd_pre: int
    wr_pre: int
    rd_rd_s: int
    rd_rd_l: int
    rd_rd_o: int
    rd_wr: int
    rd_wr_o: int
    wr_wr_s: int
    wr_wr_l: int
    wr_wr_o: int
    wr_rd_s: int
    wr_rd_l: int
    wr_rd_o: int
    ref_act: int
    ref_interval: int
    window: int
    write_queue: int
    write_high: int
    write_low: int
    hit_limit: int
    reserve_opened: bool
    precharge_all: bool
    closed_page: bool
    refresh: bool
    dual_command: bool
    peak_bytes_per_second: float
    capacity_bytes: int

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        """Of the numbers, the same in every process: memories are keys of all that runs share."""
        return hash(tuple(getattr(self, one.name) for one in fields(self) if one.name != "name"))

    @property
    def n_banks(self) -> int:
        """Banks of one channel, all ranks together."""
        return self.n_ranks * self.n_bank_groups * self.n_banks_per_group

    @cached_property
    def n_regions(self) -> int:
        """Equal pieces of the address space with a channel each; 1 where channels take turns."""
        channel = [one for one in self.mapping if one[0] == FIELD_INDEX["channel"]]
        below = max((at + n for field, at, _, n in self.mapping if field), default=0)
        above = all(at >= below for _, at, _, _ in channel)
        return self.n_channels if channel and above else 1

    @property
    def read_clocks(self) -> int:
        """Clocks from RD to the end of its data."""
        return self.read_latency + self.burst_clocks

    @property
    def write_clocks(self) -> int:
        """Clocks from WR to the end of its data."""
        return self.write_latency + self.burst_clocks

    def without_refresh(self) -> DramParams:
        """Return the same memory with refresh off."""
        return replace(self, refresh=False)


def dram_params(spec: DramSpec) -> DramParams:
    """Derive the command spacings of a preset.

    Sources of the formulas: JESD79-4 (DDR4) for the same rank; the gap of `tRTRS` clocks on the
    data bus when its driver changes is DRAMsim3's and Ramulator's.
    """
    timing, organisation, control = spec.timing, spec.organisation, spec.controller
    burst = spec.burst_clocks
    read, write = timing.AL + timing.CL, timing.AL + timing.CWL
    if timing.tRCD is not None:
        act_rd = act_wr = timing.tRCD - timing.AL
    else:
        act_rd, act_wr = timing.tRCDRD or 0, timing.tRCDWR or 0
    single = organisation.bank_groups == 1
    ccd_s = max(burst, timing.tCCD_S)
    ccd_l = ccd_s if single else max(burst, timing.tCCD_L)
    wtr_l = timing.tWTR_S if single else timing.tWTR_L
    queue = control.write_queue
    return DramParams(
        name=spec.name,
        clock_hz=timing.clock,
        n_channels=organisation.channels,
        n_ranks=organisation.ranks,
        n_bank_groups=organisation.bank_groups,
        n_banks_per_group=organisation.banks_per_group,
        n_rows=organisation.rows,
        n_columns=organisation.bursts_per_row,
        burst_bytes=organisation.burst_bytes,
        mapping=tuple(
            (FIELD_INDEX[name], address_bit, field_bit, n_bits)
            for name, address_bit, field_bit, n_bits in mapping_segments(
                spec.controller.mapping, spec.field_bits
            )
        ),
        burst_clocks=burst,
        read_latency=read,
        write_latency=write,
        act_rd=act_rd,
        act_wr=act_wr,
        act_pre=timing.tRAS,
        act_act=timing.tRAS + timing.tRP if timing.tRC is None else timing.tRC,
        act_act_s=timing.tRRD_S,
        act_act_l=timing.tRRD_S if single else timing.tRRD_L,
        four_act=timing.tFAW,
        thirty_two_act=timing.t32AW,
        pre_act=timing.tRP,
        pre_pre=timing.tPPD,
        rd_pre=timing.AL + timing.tRTP,
        wr_pre=write + burst + timing.tWR,
        rd_rd_s=ccd_s,
        rd_rd_l=ccd_l,
        rd_rd_o=burst + timing.tRTRS,
        rd_wr=max(1, read + burst + timing.tRTRS - write),
        rd_wr_o=max(1, read + burst + timing.tRTRS - write),
        wr_wr_s=ccd_s,
        wr_wr_l=ccd_l,
        wr_wr_o=burst,
        wr_rd_s=write + burst + timing.tWTR_S,
        wr_rd_l=write + burst + wtr_l,
        wr_rd_o=max(1, write + burst + timing.tRTRS - read),
        ref_act=timing.tRFC,
        ref_interval=timing.tREFI,
        window=control.window,
        write_queue=queue.size if queue else 0,
        write_high=queue.size * queue.high_percent // 100 if queue else 0,
        write_low=max(1, -(-queue.size * queue.low_percent // 100)) if queue else 0,
        hit_limit=control.hit_limit,
        precharge_all=control.refresh_precharge == "all",
        reserve_opened=control.opened_row == "reserved",
        closed_page=control.page_policy == "closed",
        refresh=control.refresh == "all_bank",
        dual_command=control.dual_command,
        peak_bytes_per_second=spec.peak_bytes_per_second,
        capacity_bytes=spec.capacity_bytes,
    )
