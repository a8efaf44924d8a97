"""Replay a whole request trace on the compiled engine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from f2fsim.errors import InputError
from f2fsim.hw.dram._core import DramSystem
from f2fsim.hw.dram.stats import DramStats
from f2fsim.hw.dram.timing import DramParams


@dataclass(frozen=True)
class Replay:
    """A replayed trace.

    Attributes
    ----------
    done_clocks : int64 array
        Completion clock of each request: the end of its data.
    enter_clocks : int64 array
        Clock at which each request entered its channel's window.
    stats : DramStats
        Counters up to the last completion.
    commands : int64 array of shape (n, 7) or None
        The command trace, if it was asked for.
    """

    done_clocks: NDArray[np.int64]
    enter_clocks: NDArray[np.int64]
    stats: DramStats
    commands: NDArray[np.int64] | None

    @property
    def n_clocks(self) -> int:
        """Clock of the last completion."""
        return int(self.done_clocks.max(initial=0))


def replay(
    params: DramParams,
    addresses: ArrayLike,
    is_write: ArrayLike,
    clocks: ArrayLike,
    *,
    streams: ArrayLike | None = None,
    max_outstanding: int | None = None,
    in_order: bool = False,
    trace: bool = False,
) -> Replay:
    """Offer each request at its clock, in order, and run the memory until all are done.

    Parameters
    ----------
    params : DramParams
        The memory.
    addresses, is_write, clocks : array_like
        Byte address, direction and earliest clock of each request; clocks never decrease.
    streams : array_like of int, optional
        Stream of each request; by default all belong to one.
    max_outstanding : int, optional
        At most so many requests lie between offer and completion; the next is offered one clock
        after the completion that makes room.
    in_order : bool
        One request a clock enters the memory, in the order of the trace, and waits for room in its
        channel before the next may enter: how DRAMsim3 and Ramulator replay a trace.  By default
        each channel takes its own requests, so that none waits for another channel's.
    trace : bool
        Keep the command trace.

    Raises
    ------
    InputError
        If lengths differ, a clock decreases, an address is not that of a burst in the memory, or a
        value is out of range.
    """
    address = np.ascontiguousarray(addresses, dtype=np.int64)
    write = np.ascontiguousarray(is_write, dtype=np.int8)
    clock = np.ascontiguousarray(clocks, dtype=np.int64)
    stream = np.zeros(len(address), np.int32)
    if streams is not None:
        stream = np.ascontiguousarray(streams, dtype=np.int32)
    if not len(address) == len(write) == len(clock) == len(stream) or address.ndim != 1:
        raise InputError("addresses, is_write, clocks and streams must have one equal length")
    if len(address) and (address.min() < 0 or clock.min() < 0 or stream.min() < 0):
        raise InputError("addresses, clocks and streams must not be negative")
    size, most = params.burst_bytes, params.capacity_bytes
    wrong = np.flatnonzero((address % size != 0) | (address >= most))
    if wrong.size:
        at = int(wrong[0])
        rule = f"a multiple of {size}" if address[at] % size else f"below {most}"
        raise InputError(f"request {at}: address {int(address[at])} must be {rule} bytes")
    if len(address) and (np.diff(clock).min(initial=0) < 0 or clock[-1] > 2**60):
        raise InputError("clocks must not decrease, nor pass 2**60")
    if max_outstanding is not None and not 1 <= max_outstanding <= 2**20:
        raise InputError(f"max_outstanding must be from 1 to {2**20}, got {max_outstanding}")
    if in_order and max_outstanding is not None:
        raise InputError("in_order and max_outstanding exclude each other")
    system = DramSystem(params, int(stream.max(initial=0)) + 1, trace)
    done = np.zeros(len(address), np.int64)
    enter = np.zeros(len(address), np.int64)
    system.replay_into(address, write, clock, stream, max_outstanding or 0, in_order, done, enter)
    return Replay(done, enter, system.stats(), system.command_trace() if trace else None)
