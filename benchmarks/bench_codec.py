"""Speed and quality of the F2F encoders and decoder, against the project's floors.

    python benchmarks/bench_codec.py [--quick] [--searches]

Processor time of one thread; iid masks and bits, N_in = 8.  Exit status 1 if a floor is missed: all
are ratios to a copy or to the direct form in the same run, so that they hold on other machines.
``F2FSIM_SIMD`` in the environment (portable, avx2, avx512, gfni, gfni512) leaves instructions
out; Arm's NEON, never measured, is held to what plain C is.
"""

import argparse
import sys
import time

import numpy as np

from f2fsim.codec import WEIGHT_TYPES, PrunedTensor
from f2fsim.codec.f2f import DecoderMatrix, F2FFormat, care_from_mask, decode_values, simd
from f2fsim.codec.f2f.elimination import encode_elimination
from f2fsim.codec.f2f.format import patch_places
from f2fsim.codec.f2f.patches import to_fields
from f2fsim.codec.f2f.viterbi import encode_viterbi
from f2fsim.workloads.prune import magnitude_mask, n_pruned
from f2fsim.workloads.quantise import quantise

#: Name, value, unit, bound, and whether less is better, of everything measured so far.
figures: list[tuple[str, float, str, float, bool]] = []
missed: list[str] = []


def check(name, value, limit, at_most=True, unit=""):
    figures.append((name, value, unit, limit, at_most))
    met = value <= limit if at_most else value >= limit
    sign = "≤" if at_most else "≥"
    print(f"{name:58s} {value:9.4f} {unit:9s} {sign} {limit} {'ok' if met else 'MISSED'}")
    if not met:
        missed.append(name)


def problem(sparsity, n_out, n_blocks, n_planes, seed=0):
    rng = np.random.default_rng(seed)
    care = care_from_mask(rng.random(n_out * n_blocks) >= sparsity, n_out)
    return care.with_values(rng.integers(0, 1 << n_planes, care.n_kept).astype(np.uint32))


def seconds(work):
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


#: Plain copies of as many bytes that a decode of int8 weights may take, by the set of instructions
#: and the density: (S=0.9, S=0.7), registers of N_s=2 or 7, any order.  Twice as many of a tensor
#: that fits the cache, where copies cost less.
MOST_COPIES = {
    "portable": (50, 70),
    "avx2": (35, 45),
    "avx512": (35, 45),
    "gfni": (35, 45),
    "gfni512": (35, 45),
}
#: The same with a value code, registers of 256 bits, row order: (S=0, S>0).
MOST_COPIES_CODED = {
    "portable": (1300, 600),
    "avx2": (350, 200),
    "avx512": (380, 200),
    "gfni": (130, 110),
    "gfni512": (60, 60),
}


def direct_ms(sparsity, n_out):
    """Milliseconds a block and plane of the dynamic programme over all transitions, N_s=2."""
    matrix, care = DecoderMatrix.random(8, n_out, 2, seed=1), problem(sparsity, n_out, 6, 1)
    (_, _), used = seconds(lambda: encode_viterbi(matrix, care, 1, direct=True))
    return used / care.n_blocks * 1e3


def viterbi(quick):
    for sparsity, n_out in ((0.9, 80), (0.7, 26)):
        matrix = DecoderMatrix.random(8, n_out, 2, seed=1)
        care = problem(sparsity, n_out, 300 if quick else 1000, 1)
        (_, cost), used = seconds(lambda m=matrix, c=care: encode_viterbi(m, c, 1))
        ours = used / care.n_blocks * 1e3
        name = f"viterbi N_s=2, S={sparsity}, N_out={n_out}"
        print(f"{name}: a block {ours:.3f} ms")
        check(f"{name}: over direct DP", direct_ms(sparsity, n_out) / ours, 40, False, "times")
        if n_out == 80:
            check(f"{name}: E", 100 * (1 - cost / care.n_kept), 99.3, False, "%")


def elimination(quick):
    n_blocks = 4000 if quick else 20000
    direct_us = 1e3 * direct_ms(0.9, 80)
    for n_s, limit, floor, overhead in (
        (7, 40_000, 99.4, 1.035),
        (15, 30_000, 99.65, 1.02),
        (31, 15_000, 99.8, 1.012),
    ):
        best = 9.0
        for n_out in (79, 80, 81):
            matrix = DecoderMatrix.random(8, n_out, n_s, seed=1)
            care = problem(0.9, n_out, n_blocks, 8)
            words, used = seconds(lambda m=matrix, c=care: encode_elimination(m, c, 8))
            wrong = decode_values(matrix, words, care) ^ care.val
            places = patch_places(care, wrong, 8)
            bits = words.size * 8 + int(to_fields(places).widths.sum())
            best = min(best, bits / (8 * care.n_kept))
            if n_out == 80:
                name = f"elimination N_s={n_s}, S=0.9, N_out=80"
                plane = used / words.size * 1e6
                check(f"{name}: over direct DP of N_s=2", direct_us / plane, limit, False, "times")
                print(f"{name}: all eight planes of a block {8 * plane:.2f} us")
                share = 100 * (1 - places.size / (8 * care.n_kept))
                check(f"{name}: E", share, floor, False, "%")
        check(f"elimination N_s={n_s}: bits over entropy, best N_out", best, overhead)


def searches():
    """E and time by the candidates of the search for flips: the table of docs/codec.md."""
    for n_s in (7, 31):
        matrix = DecoderMatrix.random(8, 80, n_s, seed=1)
        care = problem(0.9, 80, 5000, 8)
        for search in (0, 1, 8, 32, 128):
            words, used = seconds(
                lambda m=matrix, c=care, s=search: encode_elimination(m, c, 8, search=s)
            )
            wrong = decode_values(matrix, words, care) ^ care.val
            share = 100 * (1 - int(np.bitwise_count(wrong).sum()) / (8 * care.n_kept))
            print(
                f"N_s={n_s}, N_out=80, search {search:3}: E {share:.2f} %, "
                f"{used / words.size * 1e6:.2f} us a block and plane"
            )


def decoding(quick):
    """The whole decode of int8 tensors, all block orders, against copying as many bytes."""
    rng = np.random.default_rng(0)
    shape = (1024, 1024 if quick else 8192)
    block = rng.integers(0, 256, shape, dtype=np.uint8)
    instructions = simd.SETS[simd.instruction_set()]
    for (sparsity, n_out), most in zip(
        ((0.9, 80), (0.7, 26)), MOST_COPIES.get(instructions, MOST_COPIES["portable"]), strict=True
    ):
        mask = rng.random(shape) >= sparsity
        tensor = PrunedTensor("t", block * mask, mask, WEIGHT_TYPES["int8"])
        for n_s in (2, 7):
            for order in ("row", "column", "diagonal"):
                codec = F2FFormat(n_s=n_s, n_out=n_out, order=order)
                name = f"decode int8 by {instructions}, {order}, N_s={n_s}, S={sparsity}"
                decode(name, codec, tensor, 2 * most if quick else most)


def decoding_values(quick):
    """The whole decode of int8 tensors of normal weights with a value code."""
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((1024, 1024 if quick else 4096)).astype(np.float32)
    instructions = simd.SETS[simd.instruction_set()]
    for sparsity in (0.0, 0.5, 0.7, 0.9):
        mask = magnitude_mask(weights, n_pruned(sparsity, weights.size), rng)
        kind = WEIGHT_TYPES["int8"]
        tensor = PrunedTensor("t", quantise(weights, mask, kind).patterns, mask, kind)
        n_out = int(16 / (1 - sparsity) + 1e-6)
        codec = F2FFormat(n_in=16, n_s=15, n_out=n_out, order="row", value_code="classes")
        most = MOST_COPIES_CODED.get(instructions, MOST_COPIES_CODED["portable"])[sparsity > 0]
        name = f"decode int8 with a value code by {instructions}, S={sparsity}"
        decode(name, codec, tensor, 2 * most if quick else most)


def decode(name, codec, tensor, most):
    """Check a decode against copies of as many bytes; side by side: a loaded machine slows both."""
    encoded = codec.encode(tensor)
    pairs = [(seconds(lambda: codec.decode(encoded))[1], copied(tensor.patterns)) for _ in range(5)]
    used, copy = (min(times) for times in zip(*pairs, strict=True))
    print(f"{name}: {tensor.patterns.nbytes / used / 1e9:.2f} GB/s")
    check(name, used / copy, most, unit="copies")


def copied(block):
    """Seconds of one copy, the mean of several into memory that is there."""
    target = np.empty_like(block)
    return seconds(lambda: [np.copyto(target, block) for _ in range(8)])[1] / 8


def measure(quick):
    viterbi(quick)
    elimination(quick)
    decoding(quick)
    decoding_values(quick)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller problems")
    parser.add_argument("--searches", action="store_true", help="only E and time by the search")
    options = parser.parse_args()
    if options.searches:
        searches()
        return 0
    measure(options.quick)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
