"""Arm's NEON by emulation: calls of the kernels, recorded here, give the same bytes there.

The headers are compiled for AArch64 with the program below and run by QEMU's user mode, with NEON
and as plain C; without compiler or emulator the test is left out.
"""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from f2fsim.codec import WEIGHT_TYPES, PrunedTensor
from f2fsim.codec.f2f import F2FFormat, decode, simd, unpack, viterbi
from f2fsim.errors import InputError

COMPILER, EMULATOR = "aarch64-linux-gnu-gcc", "qemu-aarch64"
SOURCES = str(Path(decode.__file__).parent / "src")

PROGRAM = r"""
#include <stdio.h>
#include "unpack.h"
#include "viterbi.h"

static void *item(void) { /* as many bytes as its first number says */
    int64_t n;
    if (fread(&n, 8, 1, stdin) != 1) return NULL;
    char *to = malloc((size_t)n + 1);
    if (n && fread(to, (size_t)n, 1, stdin) != 1) exit(3);
    return to;
}

static void unpack(const int64_t *of) {
    static f2f_layout l;
    f2f_decoder d = {(int)of[0], (int)of[1], (int)of[2], (int)of[3], (int)of[4], of[5], 0, 0, 0};
    f2f_range r = {of[9], of[10], of[11], of[12]};
    d.tables = item();
    d.words = item();
    d.words_end = d.words + of[6] * d.n_planes;
    l.mask = item();
    l.n_weights = of[7], l.n_bytes = (int)of[8];
    const int64_t *row_of = item();
    for (int i = 0; i < 32; i++) {
        l.row_of[i] = (int)row_of[i];
        if (row_of[i] >= 0) l.bit_of[row_of[i]] = i;
    }
    l.patches = item();
    l.n_patches = of[13], l.inversion = (uint32_t)of[14], l.n_coded = (int)of[15];
    const int64_t *values = item();
    l.values.bytes = item();
    const uint32_t *classes = item();
    const int n = (int)of[16];
    l.values.coded = n > 0;
    if (n) {
        l.values.prefix_shift = (int)values[0], l.values.order = (int)values[1];
        l.values.centre = (uint32_t)values[2], l.values.mask = (uint32_t)values[3];
        l.values.top = (int)values[4], l.values.shift = (int)values[5];
        for (int i = 0; i < n; i++) {
            l.values.base[i] = classes[i], l.values.suffix[i] = classes[n + i];
            l.values.base_bytes[i] = (uint8_t)classes[i];
            l.values.suffix_bytes[i] = (uint8_t)classes[n + i];
        }
    }
    uint8_t *patterns = calloc((size_t)l.n_weights, (size_t)l.n_bytes);
    f2f_fill_spread(l.spread);
    f2f_unpack(&d, &l, r, f2f_set(), patterns);
    fwrite(patterns, (size_t)l.n_bytes, (size_t)l.n_weights, stdout);
}

static void encode(const int64_t *of) {
    f2f_trellis p = {(int)of[0], (int)of[1], (int)of[2], (int)of[3], 0};
    p.first = of[4], p.stride = of[5], p.n_steps = of[6];
    p.columns = item(), p.block_ptr = item(), p.pos = item(), p.val = item();
    p.words = calloc((size_t)of[9] * p.n_planes, 2);
    int64_t cost;
    if (f2f_viterbi(&p, (int)of[7], of[8], &cost)) exit(4);
    fwrite(p.words, 2, (size_t)of[9] * p.n_planes, stdout);
    fwrite(&cost, 8, 1, stdout);
}

int main(int n, char **of) {
    int64_t *numbers;
    if (n > 1) return fputs(f2f_set_names[f2f_set()], stdout) < 0 || !of;
    while ((numbers = item())) (numbers[0] ? unpack : encode)(numbers + 1);
    return 0;
}
"""


class Recorder:
    """Stands before the kernels and writes down what they are given and what they make."""

    def __init__(self, monkeypatch):
        self.given, self.made = [], []
        own_unpack, own_encode = unpack._decode.unpack, viterbi._viterbi.encode

        def record_unpack(*call):
            own_unpack(*call)
            self.unpack(*call)

        def record_encode(*call):
            words = np.zeros_like(call[-1])
            cost = own_encode(*call[:-1], words)
            call[-1][...] |= words
            self.encode(*call)
            self.made.append(words.tobytes() + np.int64(cost).tobytes())
            return cost

        monkeypatch.setattr(unpack._decode, "unpack", record_unpack)
        monkeypatch.setattr(viterbi._viterbi, "encode", record_encode)

    def write(self, kind, numbers, *arrays):
        for array in (np.array([kind, *numbers], dtype=np.int64), *arrays):
            self.given.append(np.int64(array.nbytes).tobytes() + array.tobytes())

    def unpack(self, tables, words, n_groups, n_out, mask, row_of, inversion, patches, values,
               look_up, classes, part, n_bytes, n_coded, _, patterns):  # fmt: skip
        n_reg, n_half, _, n_words = tables.shape
        n_values = classes.shape[1] if values else 0
        numbers = [n_reg, n_half, words.shape[1], n_out, n_words, n_groups, words.shape[0]]
        numbers += [patterns.size // n_bytes, n_bytes, *part, patches.size, inversion, n_coded]
        given = (tables, words, mask, row_of, patches, np.array(values, np.int64), look_up, classes)
        self.write(1, [*numbers, n_values], *given)
        self.made.append(patterns.tobytes())

    def encode(self, columns, n_in, n_s, block_ptr, pos, val, plane, first, stride, n_steps, wide,
               slots, direct, words):  # fmt: skip
        numbers = [n_in, n_s, plane, words.shape[1], first, stride, n_steps, wide, slots]
        self.write(0, [*numbers, words.shape[0]], columns, block_ptr, pos, val)


CASES = [
    ("int8", {"n_s": 2, "n_out": 26, "encoder": "viterbi"}),
    ("int8", {"n_s": 1, "n_out": 60, "encoder": "viterbi"}),
    ("int4", {"n_in": 3, "n_s": 2, "n_out": 30, "encoder": "viterbi"}),
    ("int4", {"n_in": 4, "n_s": 2, "n_out": 300, "encoder": "viterbi"}),
    ("int8", {"n_s": 7}),
    ("int8", {"n_in": 16, "n_s": 15, "n_out": 16, "value_code": "classes"}),
    ("int4", {"n_in": 16, "n_s": 15, "n_out": 50, "value_code": "classes"}),
    ("fp8_e4m3", {"n_in": 16, "n_s": 3, "n_out": 33, "value_code": "classes"}),
    ("bf16", {"n_in": 16, "n_s": 15, "n_out": 160, "n_groups": 3}),
    ("fp32", {"n_in": 5, "n_s": 31, "n_out": 300, "search": 0}),
]


@pytest.mark.skipif(
    not (shutil.which(COMPILER) and shutil.which(EMULATOR)),
    reason=f"needs {COMPILER} and {EMULATOR}",
)
def test_neon_makes_the_same_bytes(monkeypatch, tmp_path):
    recorder = Recorder(monkeypatch)
    rng = np.random.default_rng(0)
    for kind, params in CASES:
        weight_type = WEIGHT_TYPES[kind]
        mask = rng.random((40, 97)) < 0.25
        most = (1 << weight_type.n_bits) - 1
        patterns = rng.integers(0, most + 1, mask.shape)
        if "value_code" in params:
            patterns = np.minimum(rng.geometric(0.05, mask.shape), most)
        tensor = PrunedTensor(
            "t", (patterns * mask).astype(weight_type.pattern_dtype), mask, weight_type
        )
        codec = F2FFormat(**params)
        assert np.array_equal(codec.decode(codec.encode(tensor)).patterns, tensor.patterns)
    assert len(recorder.made) >= 16  # ten decodes, several planes by viterbi
    source, program = tmp_path / "replay.c", tmp_path / "replay"
    source.write_text(PROGRAM)
    flags = ["-O2", "-Wall", "-Werror", "-Wno-unused-function", "-static", "-I", SOURCES]
    subprocess.run([COMPILER, *flags, str(source), "-o", str(program)], check=True)

    def run(name, *more, **keywords):
        environment = {**os.environ, simd.VARIABLE: name}
        return subprocess.run(
            [EMULATOR, str(program), *more], env=environment, capture_output=True, check=True,
            **keywords,
        ).stdout  # fmt: skip

    for name in ("neon", "portable"):
        assert run(name, "name") == name.encode()
        assert run(name, input=b"".join(recorder.given)) == b"".join(recorder.made)


def test_neon_is_known_by_name(monkeypatch):
    monkeypatch.setattr(simd._decode, "has_set", lambda number: number < 2)
    monkeypatch.setenv(simd.VARIABLE, "neon")
    with pytest.raises(InputError, match="this processor has no neon"):
        simd.instruction_set()
