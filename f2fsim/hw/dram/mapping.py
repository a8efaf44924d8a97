"""Byte address → channel, rank, bank group, bank, row, column, by bit fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from f2fsim.hw.dram.timing import DramParams


class Location(NamedTuple):
    """Where a burst lies; `bank` counts the banks of a rank, `bank_id` those of a channel."""

    channel: int
    rank: int
    bank_group: int
    bank: int
    bank_id: int
    row: int
    column: int


def locate(params: DramParams, address: int) -> Location:
    """Return where the burst at byte `address` lies.

    The bits above the capacity are ignored, as a chip without those pins would.
    """
    line = address // params.burst_bytes
    fields = [0] * 6
    for name, address_bit, field_bit, n_bits in params.mapping:
        fields[name] |= ((line >> address_bit) & ((1 << n_bits) - 1)) << field_bit
    channel, rank, group, in_group, row, column = fields
    bank = group * params.n_banks_per_group + in_group
    bank_id = rank * params.n_bank_groups * params.n_banks_per_group + bank
    return Location(channel, rank, group, bank, bank_id, row, column)


def address_of(params: DramParams, fields: Sequence[int]) -> int:
    """Return the byte address of a burst: channel, rank, bank group, bank of it, row, column."""
    line = 0
    for name, address_bit, field_bit, n_bits in params.mapping:
        line |= ((fields[name] >> field_bit) & ((1 << n_bits) - 1)) << address_bit
    return line * params.burst_bytes
