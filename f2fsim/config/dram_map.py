"""The address map of a memory: which bits of an address are channel, rank, bank, row and column."""

from __future__ import annotations

from f2fsim.errors import choices, near_miss

#: Fields of an address, and their two-letter names in DRAMsim3's mapping strings.
ADDRESS_FIELDS = {
    "channel": "ch",
    "rank": "ra",
    "bank_group": "bg",
    "bank": "ba",
    "row": "ro",
    "column": "co",
}


def mapping_segments(mapping: str, bits: dict[str, int]) -> list[tuple[str, int, int, int]]:
    """Resolve the address map into ``(field, address_bit, field_bit, n_bits)``, low bits first.

    Address bits count from the burst: bit 0 is the first above the offset in a burst.  A field may
    stand several times; all its pieces but one need a width (``column:5``).  Lower pieces hold the
    field's lower bits.

    Parameters
    ----------
    mapping : str
        Fields from the top bit down, such as ``row rank bank column:5 channel``.
    bits : dict of str to int
        Address bits of each field, columns counted in bursts.

    Raises
    ------
    ValueError
        For an unknown or missing field or widths that do not add up.
    """
    pieces: list[tuple[str, int | None]] = []
    for word in mapping.split():
        name, colon, width = word.partition(":")
        if name not in ADDRESS_FIELDS:
            raise ValueError(
                f"controller.mapping: unknown field {name!r}{near_miss(name, ADDRESS_FIELDS)}; "
                f"known: {choices(ADDRESS_FIELDS)}"
            )
        if colon and not (width.isascii() and width.isdecimal() and len(width) < 4):
            raise ValueError(f"controller.mapping: {word!r} must be field or field:bits")
        pieces.append((name, int(width) if colon else None))
    for name, n_bits in bits.items():
        given = [width for field, width in pieces if field == name]
        if not given and n_bits:
            raise ValueError(f"controller.mapping: field {name} ({n_bits} bits) is missing")
        known, free = sum(width or 0 for width in given), given.count(None)
        if free > 1:
            raise ValueError(f"controller.mapping: {name} may stand without a width only once")
        if given and (known > n_bits or (free == 0 and known != n_bits)):
            raise ValueError(f"controller.mapping: {name} has {n_bits} bits, widths give {known}")
    segments: list[tuple[str, int, int, int]] = []
    address_bit, used = 0, dict.fromkeys(bits, 0)
    for name, piece in reversed(pieces):
        rest = bits[name] - sum(width or 0 for field, width in pieces if field == name)
        n_bits = rest if piece is None else piece
        if n_bits:
            segments.append((name, address_bit, used[name], n_bits))
        address_bit += n_bits
        used[name] += n_bits
    return segments
