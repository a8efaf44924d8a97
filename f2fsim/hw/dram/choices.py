"""Which commands a channel may issue next, and when (rule 2 of `channel.py`)."""

from __future__ import annotations

from f2fsim.hw.dram import stats as s
from f2fsim.hw.dram.state import ChannelState, Choice, Rank, Request
from f2fsim.hw.dram.timing import DramParams


def choices(channel: ChannelState) -> list[Choice]:
    """Return the next commands; of one kind for one bank, only the oldest request's."""
    found = [_column(channel, request, 0) for request in channel.active]
    for number, rank in enumerate(channel.ranks):
        if rank.refresh_pending:
            _refresh_choice(channel, number, rank, found)
    waiting: dict[int, list[Request]] = {}
    for request in channel.writes if channel.write_mode else channel.reads:
        waiting.setdefault(request.location.bank_id, []).append(request)
    busy = {request.location.bank_id for request in channel.active}
    for bank_id, requests in waiting.items():
        if not channel.ranks[requests[0].location.rank].refresh_pending:
            _bank_choices(channel, requests, bank_id in busy, found)
    return found


def _bank_choices(
    channel: ChannelState, waiting: list[Request], busy: bool, found: list[Choice]
) -> None:
    """Append the commands for the requests of one bank, oldest first in `waiting`."""
    place = waiting[0].location
    rank = channel.ranks[place.rank]
    bank = rank.banks[place.bank]
    if bank.open_row < 0:
        found.append(_activate(channel, waiting[0]))
        return
    hits = [request for request in waiting if request.location.row == bank.open_row]
    if not (busy and channel.params.closed_page):
        for is_write in (False, True):
            oldest = next((hit for hit in hits if hit.is_write == is_write), None)
            if oldest:
                found.append(_column(channel, oldest, 2))
    over = not hits or bank.n_columns >= channel.params.hit_limit
    if place.row != bank.open_row and over and not busy:
        order = (2, waiting[0].enter_clock)
        found.append(Choice(max(bank.pre, rank.pre), order, s.PRE, place.rank, waiting[0]))


def _column(channel: ChannelState, request: Request, group: int) -> Choice:
    place = request.location
    rank = channel.ranks[place.rank]
    bank = rank.banks[place.bank]
    if request.is_write:
        clock = max(bank.write, rank.write, rank.group_write[place.bank_group])
    else:
        clock = max(bank.read, rank.read, rank.group_read[place.bank_group])
    command = s.WR if request.is_write else s.RD
    return Choice(clock, (group, request.enter_clock), command, place.rank, request)


def _activate(channel: ChannelState, request: Request) -> Choice:
    place = request.location
    rank = channel.ranks[place.rank]
    clock = max(
        rank.banks[place.bank].act,
        rank.act,
        rank.group_act[place.bank_group],
        activate_window(channel.params, rank),
    )
    return Choice(clock, (2, request.enter_clock), s.ACT, place.rank, request)


def activate_window(params: DramParams, rank: Rank) -> int:
    """Return the first clock of an ACT by tFAW and t32AW."""
    acts, clock = rank.last_acts, 0
    if len(acts) >= 4:
        clock = acts[-4] + params.four_act
    if params.thirty_two_act and len(acts) == 32:
        clock = max(clock, acts[0] + params.thirty_two_act)
    return clock


def _refresh_choice(channel: ChannelState, number: int, rank: Rank, found: list[Choice]) -> None:
    if any(request.location.rank == number for request in channel.active):
        return
    order = number * len(rank.banks)
    opened = {i: bank.pre for i, bank in enumerate(rank.banks) if bank.open_row >= 0}
    if not opened:
        clock = max(bank.act for bank in rank.banks)
        found.append(Choice(clock, (1, order), s.REF, number, None))
    elif channel.params.precharge_all:
        clock = max(rank.pre, *opened.values())
        found.append(Choice(clock, (1, order), s.PREA, number, None))
    else:
        for i, clock in opened.items():
            clock = max(clock, rank.pre)
            found.append(Choice(clock, (1, order + i), s.PRE, number, None, i))
