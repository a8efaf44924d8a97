"""Which of the processor's instructions the kernels use; ``F2FSIM_SIMD`` leaves the later ones out.

Results do not depend on it.  ``portable`` is plain C; ``avx2`` is for encoders and decoder;
``avx512`` (F, BW and VL) decodes in vectors of 64 bytes and has, with VBMI, steps of its own for
Viterbi; ``gfni`` decodes by products of bit matrices, ``gfni512`` (with AVX-512 and BMI2) in
vectors of 64 bytes; ``neon``, of Arm, is for Viterbi and decoder.
By default the last one that the processor has is used.
"""

from __future__ import annotations

import os

from f2fsim.codec.f2f import _decode
from f2fsim.errors import InputError, choices, in_a_line, near_miss

#: Environment variable that names the set to use.
VARIABLE = "F2FSIM_SIMD"
#: Sets of instructions by the kernels' numbers.
SETS = ("portable", "avx2", "avx512", "gfni", "gfni512", "neon")


def available() -> list[str]:
    """Return the sets that this processor has."""
    return [name for number, name in enumerate(SETS) if _decode.has_set(number)]


def instruction_set() -> int:
    """Return the number of the set that the kernels use.

    Raises
    ------
    InputError
        If the environment names no set, or one that the processor lacks.
    """
    asked = os.environ.get(VARIABLE)
    if asked is not None and asked not in available():
        there = choices(available())
        if asked in SETS:
            raise InputError(f"{VARIABLE}: this processor has no {asked}; it has {there}")
        raise InputError(
            f"{VARIABLE}: unknown instructions {in_a_line(asked)}{near_miss(asked, SETS)}; "
            f"known: {', '.join(SETS)}"
        )
    return _decode.instruction_set()
