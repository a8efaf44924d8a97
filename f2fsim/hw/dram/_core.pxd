"""Declarations of the compiled DRAM engine, for other compiled engines to embed.

A caller appends offers (`DramSystem.offer`) and lets time go on (`DramSystem.advance`).  An offer
with clock c enters its channel at c at the earliest and its first command goes out at c + 1 at the
earliest.  `advance` stops right after the first clock that completes a request, so that offers
made in answer to it (whose clock is at least the completion clock) are in time.
"""

from libc.stdint cimport int8_t, int32_t, int64_t

from f2fsim.hw.dram._schedule cimport (
    BankState, ChannelState, Choice, RankState, Slot, StreamCount, Timing,
)


cdef struct CommandRecord:
    int64_t clock, channel, rank, bank_group, bank, row, command


cdef class DramSystem:
    cdef readonly object params
    cdef readonly int n_streams
    cdef readonly int n_channels
    cdef Timing timing
    cdef ChannelState *channels
    cdef int n_ranks, n_groups, n_banks, banks_per_group
    cdef int n_segments
    cdef int64_t segments[32][4]
    cdef int64_t line_mask
    cdef int64_t burst_bytes
    cdef int burst_shift
    cdef int64_t *stream_next       # requests offered so far, by stream
    cdef int64_t *stream_clock      # clock of the last offer, by stream
    cdef StreamCount *counts
    cdef int64_t end_clock
    cdef bint tracing
    cdef bint feeding
    cdef CommandRecord *records
    cdef Py_ssize_t n_records, record_capacity
    # Completions of the last `advance`, valid until the next.
    cdef Py_ssize_t n_completions, completion_capacity
    cdef int64_t *completion_stream
    cdef int64_t *completion_index
    cdef int64_t *completion_clock
    cdef int64_t *completion_enter  # clock of entry into the channel's window

    cdef int offer(self, int stream, int64_t address, int64_t clock, bint is_write) except -1 nogil
    cdef int64_t advance(self) except -1 nogil
    cdef void _refresh_choice(self, ChannelState *channel) noexcept nogil
    cdef void _choose_mode(self, ChannelState *channel) noexcept nogil
    cdef void _close(self, ChannelState *channel, BankState *bank, int64_t now) noexcept nogil
    cdef void _open(self, ChannelState *channel, int32_t slot_index, int64_t now) noexcept nogil
    cdef void _account(self, ChannelState *channel, Slot *slot, BankState *bank,
                       RankState *rank, int64_t now) noexcept nogil
    cdef int32_t _bank_of(self, int64_t line, int32_t *row) noexcept nogil
    cdef bint _may_enter(self, ChannelState *channel, int stream, int64_t now) noexcept nogil
    cdef int64_t _first_event(self) noexcept nogil
    cdef void _note(self, int64_t[::1] done, int64_t[::1] enter) noexcept nogil
    cdef Py_ssize_t _first_done(self, Py_ssize_t *out, Py_ssize_t n_out, int64_t[::1] done,
                                int64_t[::1] enter) except -1 nogil
    cdef int _channel_of(self, int64_t line) noexcept nogil
    cdef int _replay_in_order(self, const int64_t[::1] addresses, const int8_t[::1] is_write,
                              const int64_t[::1] clocks, const int32_t[::1] streams,
                              int64_t[::1] done, int64_t[::1] enter) except -1 nogil
    cdef int _run_offers(self, ChannelState *channel, int64_t n_left, int64_t[::1] done,
                         int64_t[::1] enter) except -1 nogil
    cdef int _replay_limited(self, const int64_t[::1] addresses, const int8_t[::1] is_write,
                             const int64_t[::1] clocks, const int32_t[::1] streams,
                             Py_ssize_t limit, int64_t[::1] done,
                             int64_t[::1] enter) except -1 nogil
    cdef int finish(self, int64_t end_clock) except -1 nogil
    cdef int _push(self, int stream, int64_t address, int64_t clock, bint is_write,
                   int64_t tag) except -1 nogil
    cdef int _run(self, ChannelState *channel, int64_t until) except -1 nogil
    cdef int _event(self, ChannelState *channel, int64_t now) except -1 nogil
    cdef int _issue(self, ChannelState *channel, Choice *choice, int64_t now) except -1 nogil
    cdef int _transfer(self, ChannelState *channel, int32_t slot_index, int64_t now) except -1 nogil
    cdef int _enter(self, ChannelState *channel, int64_t now) except -1 nogil
    cdef int _complete(self, int64_t stream, int64_t tag, int64_t clock,
                       int64_t enter) except -1 nogil
    cdef int _log(self, ChannelState *channel, int64_t now, int command, int rank,
                  int bank, int row) except -1 nogil
