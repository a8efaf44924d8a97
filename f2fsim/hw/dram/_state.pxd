"""State of a DRAM system as C structs.

The rules are those of `channel.py` (its docstring is the definition).  What is different is the
book-keeping: requests hang in one list a bank and queue, the oldest row hit and the oldest
conflict of a bank are remembered, and a bit mask names the banks that have requests, so that a
choice looks at banks and not at requests.
"""

from libc.stdint cimport int8_t, int32_t, int64_t, uint64_t

cdef enum:
    ACT = 0
    PRE = 1
    PREA = 2
    RD = 3
    WR = 4
    RDA = 5
    WRA = 6
    REF = 7

cdef enum:
    AGE_BITS = 56         # priority = class << AGE_BITS | age

cdef enum:
    N_WORDS = 4           # of a bank mask: 256 banks


cdef enum:            # what of an address a piece of the map is part of
    AT_CHANNEL = 0
    AT_BANK = 1
    AT_ROW = 2


cdef struct Offer:
    int64_t line          # burst number, masked to the capacity
    int64_t clock         # first clock at which it may enter
    int64_t tag           # reported back with the completion
    int32_t bank          # in its channel
    int32_t row
    int8_t is_write


cdef struct Fifo:
    Offer *items
    Py_ssize_t head       # first item not yet entered
    Py_ssize_t size       # one past the last item
    Py_ssize_t capacity


cdef struct Slot:         # a request in the window, or with its row being opened
    int64_t line
    int64_t tag
    int64_t enter         # clock of entry: unique in a channel, so also its age
    int32_t bank
    int32_t row
    int32_t stream
    int32_t before        # neighbours in the bank's list, -1 at the ends
    int32_t after
    int8_t is_write
    int8_t row_state      # -1 no command yet, 0 hit, 1 miss, 2 conflict
    int8_t behind_four_act


cdef struct BankState:
    int64_t act           # first clock of each command by the bank's own history
    int64_t pre
    int64_t read
    int64_t write
    int32_t open_row      # -1: closed
    int32_t rank
    int32_t group         # number of the bank group in the channel
    int32_t n_columns     # column commands since the row was opened
    int32_t active        # slot whose row was opened for it, or -1
    int32_t head[2]       # window requests of the bank by queue, oldest first
    int32_t tail[2]
    int32_t conflict[2]   # oldest request for another row, by queue
    int32_t hit[2]        # oldest row hit, by direction (0 read, 1 write)


cdef struct RankState:
    int64_t act
    int64_t pre
    int64_t read
    int64_t write
    int64_t refresh_due
    int64_t refresh_end
    int64_t open_since
    int64_t active_clocks
    int64_t window        # first clock of an ACT by tFAW and t32AW
    int64_t acts[32]      # ring of the last ACT clocks
    int64_t n_acts
    int32_t n_open
    int32_t n_active      # requests with their row opened, not yet served
    int8_t refresh_pending


cdef struct Choice:
    int64_t clock
    int64_t order         # class and age; smaller first
    int32_t command
    int32_t slot
    int32_t bank          # or rank, for refresh commands


cdef struct GroupState:
    int64_t act
    int64_t read
    int64_t write


cdef struct StreamCount:
    int64_t bursts
    int64_t row[3]
    int64_t forwarded
    int64_t latency


cdef struct ChannelState:
    int64_t clock         # first clock not yet simulated
    int64_t next_event    # valid if is_current
    int64_t data_end
    int64_t waiting_since
    int64_t busy
    int64_t idle
    int64_t stalls[8]
    int64_t commands[8]
    Choice best           # single command bus, or the column bus
    Choice row_best       # the row bus, with dual_command
    int8_t is_current     # best, row_best and next_event are up to date
    int8_t best_current   # best and row_best are
    int8_t write_mode
    int32_t n_queued[2]   # requests in the window / in the write queue
    int32_t n_active
    int32_t n_kind[2]     # requests that wait or are active, by direction
    int32_t n_pending_ranks
    int32_t turn
    int32_t last_rank     # of the last column command, -1 before the first
    int32_t last_group
    int32_t last_write
    int32_t free_slot     # head of the list of free slots
    int32_t index
    uint64_t waiting[2][4]  # banks with requests in a queue
    uint64_t opening[4]     # banks with an active request
    Slot *slots
    BankState *banks
    GroupState *groups
    RankState *ranks
    Fifo *fifos
    uint64_t *offering    # streams with offers not yet entered, a bit each
    int64_t n_offers      # offers not yet entered


cdef struct Timing:
    int64_t burst, read_latency, write_latency
    int64_t act_rd, act_wr, act_pre, act_act, act_act_s, act_act_l, four_act, thirty_two_act
    int64_t pre_act, pre_pre, rd_pre, wr_pre
    int64_t col_s[2][2]   # [first is write][next is write]
    int64_t col_l[2][2]
    int64_t col_o[2][2]
    int64_t ref_act, ref_interval
    int32_t window, write_queue, write_high, write_low, hit_limit
    int8_t closed_page, refresh, dual_command, reserve, precharge_all


cdef struct Piece:
    int64_t mask
    int32_t shift         # right, out of the burst number
    int32_t at            # left, into the number that `field` names
    int32_t field


cdef struct Geometry:
    int n_channels, n_ranks, n_groups, n_banks, banks_per_group   # groups, banks of a channel
    int n_streams, n_stream_words
    int n_pieces
    Piece pieces[32]            # of the address map
    int64_t line_mask
    int burst_shift


cdef struct Completion:
    int64_t stream, tag, clock, enter


cdef struct CommandRecord:
    int64_t clock, channel, rank, bank_group, bank, row, command


cdef struct Journal:
    Completion *completions     # since the last `advance`
    Py_ssize_t n_completions, completion_capacity
    CommandRecord *records      # every command, if `tracing`
    Py_ssize_t n_records, record_capacity
    int8_t tracing


cdef struct Memory:             # what the channels share
    Timing timing
    Geometry geometry
    Journal journal
    StreamCount *counts         # by stream


cdef inline int64_t later(int64_t a, int64_t b) noexcept nogil:
    return a if a > b else b


cdef inline int64_t never() noexcept nogil:
    return <int64_t> 1 << 62
