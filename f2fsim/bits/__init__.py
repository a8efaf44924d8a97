"""Bit streams: fields of any width packed one after another, least significant bit first."""

from f2fsim.bits.fields import n_bytes_of, pack_fields, unpack_fields

__all__ = ["n_bytes_of", "pack_fields", "unpack_fields"]
