"""Bit streams: fields of any width packed one after another, least significant bit first.

Every other kernel stands on this package, so it tells when the kernels were never built.
"""

from pathlib import Path

try:
    from f2fsim.bits import _pack as _pack
except ImportError as error:
    raise ImportError(
        f"f2fsim is imported from {Path(__file__).parents[1]}, where its kernels are not built: "
        "start Python in another folder to use the installed package, or build them here by "
        f"`pip install -e .` ({error})"
    ) from error

from f2fsim.bits.fields import n_bytes_of, pack_fields, unpack_fields

__all__ = ["n_bytes_of", "pack_fields", "unpack_fields"]
