"""What a memory reports: completions, and commands if they are traced."""

from libc.stdint cimport int64_t
from libc.stdlib cimport realloc

from f2fsim.hw.dram._state cimport (
    ChannelState, CommandRecord, Completion, Geometry, Journal,
)


cdef inline void *grown(void *items, Py_ssize_t capacity, size_t size) except NULL nogil:
    """Return the items with room for `capacity` of `size` bytes each; the old place is gone."""
    cdef void *moved = realloc(items, capacity * size)
    if moved == NULL:
        with gil:
            raise MemoryError
    return moved


cdef inline int complete(Journal *journal, int64_t stream, int64_t tag, int64_t clock,
                         int64_t enter) except -1 nogil:
    """Note that a request is done at `clock`."""
    cdef Py_ssize_t capacity
    cdef Completion *completion
    if journal.n_completions == journal.completion_capacity:
        capacity = 2 * journal.completion_capacity + 64
        journal.completions = <Completion *> grown(journal.completions, capacity, sizeof(Completion))
        journal.completion_capacity = capacity
    completion = &journal.completions[journal.n_completions]
    journal.n_completions += 1
    completion.stream, completion.tag = stream, tag
    completion.clock, completion.enter = clock, enter
    return 0


cdef inline int log_command(Journal *journal, const Geometry *geometry, ChannelState *channel,
                            int64_t now, int command, int rank, int bank,
                            int row) except -1 nogil:
    """Count a command and, in a traced run, keep it; `bank` is -1 for a whole rank."""
    cdef Py_ssize_t capacity
    cdef CommandRecord *record
    channel.commands[command] += 1
    if not journal.tracing:
        return 0
    if journal.n_records == journal.record_capacity:
        capacity = 2 * journal.record_capacity + 1024
        journal.records = <CommandRecord *> grown(journal.records, capacity, sizeof(CommandRecord))
        journal.record_capacity = capacity
    record = &journal.records[journal.n_records]
    journal.n_records += 1
    record.clock, record.channel, record.rank = now, channel.index, rank
    record.bank_group = record.bank = record.row = -1
    if bank >= 0:
        record.bank_group = (
            (bank // geometry.banks_per_group) % (geometry.n_groups // geometry.n_ranks))
        record.bank = bank % geometry.banks_per_group
        record.row = row
    record.command = command
    return 0
