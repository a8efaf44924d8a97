"""Speed and quality of the F2F encoders and decoder, against the project's floors.

    python benchmarks/bench_codec.py [--quick] [--instructions SET] [--searches]

Processor time of one thread; iid masks and bits, N_in = 8.  Exit status 1 if a floor is missed.
SET: what the decoder uses of the processor, 0 any, 1 AVX2, 2 AVX2 and GFNI; by default all it has.
"""

import argparse
import sys
import time

import numpy as np

from f2fsim.codec import WEIGHT_TYPES, PrunedTensor
from f2fsim.codec.f2f import DecoderMatrix, F2FFormat, care_from_mask, decode_values, unpack
from f2fsim.codec.f2f.elimination import encode_elimination
from f2fsim.codec.f2f.format import patch_places
from f2fsim.codec.f2f.patches import to_fields
from f2fsim.codec.f2f.viterbi import encode_viterbi

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


def viterbi(quick):
    for sparsity, n_out in ((0.9, 80), (0.7, 26)):
        matrix = DecoderMatrix.random(8, n_out, 2, seed=1)
        care = problem(sparsity, n_out, 300 if quick else 1000, 1)
        (_, cost), used = seconds(lambda m=matrix, c=care: encode_viterbi(m, c, 1))
        ours = used / care.n_blocks * 1e3
        few = problem(sparsity, n_out, 6, 1)
        (_, _), used = seconds(lambda m=matrix, c=few: encode_viterbi(m, c, 1, direct=True))
        name = f"viterbi N_s=2, S={sparsity}, N_out={n_out}"
        check(f"{name}: a block", ours, 0.4, unit="ms")
        check(f"{name}: over direct DP", used / few.n_blocks * 1e3 / ours, 20, False, "times")
        if n_out == 80:
            check(f"{name}: E", 100 * (1 - cost / care.n_kept), 99.3, False, "%")


def elimination(quick):
    n_blocks = 4000 if quick else 20000
    for n_s, limit, floor, overhead in (
        (7, 2, 99.4, 1.035),
        (15, 4, 99.65, 1.02),
        (31, 6, 99.8, 1.012),
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
                check(f"{name}: a block of one plane", used / words.size * 1e6, limit, unit="us")
                whole = used / care.n_blocks * 1e6
                print(f"{name}: all eight planes of a block {whole:.2f} us")
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
    """The whole decode of int8 tensors, all block orders, beside what moving the bytes costs."""
    rng = np.random.default_rng(0)
    shape = (1024, 1024 if quick else 8192)
    block = rng.integers(0, 256, shape, dtype=np.uint8)
    copy = min(seconds(block.copy)[1] for _ in range(5)) / block.size
    # Row order writes patterns and mask; the other orders write and read the patterns once more.
    print(
        f"a copied byte takes {copy * 1e9:.3f} ns; floors: row {copy * 1e9:.2f}, "
        f"other orders {2 * copy * 1e9:.2f} ns a weight"
    )
    for sparsity, n_out in ((0.9, 80), (0.7, 26)):
        mask = rng.random(shape) >= sparsity
        tensor = PrunedTensor("t", block * mask, mask, WEIGHT_TYPES["int8"])
        for n_s, floor in ((2, 0.5), (7, 0.25)):
            for order in ("row", "column", "diagonal"):
                codec = F2FFormat(n_s=n_s, n_out=n_out, order=order)
                encoded = codec.encode(tensor)
                used = min(seconds(lambda c=codec, e=encoded: c.decode(e))[1] for _ in range(5))
                name = f"decode int8, {order}, N_s={n_s}, S={sparsity}"
                check(name, mask.size / used / 1e9, floor, False, "GB/s")


def measure(quick):
    viterbi(quick)
    elimination(quick)
    decoding(quick)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller problems")
    parser.add_argument("--instructions", type=int, choices=range(unpack.INSTRUCTIONS + 1))
    parser.add_argument("--searches", action="store_true", help="only E and time by the search")
    options = parser.parse_args()
    if options.searches:
        searches()
        return 0
    if options.instructions is not None:
        unpack.INSTRUCTIONS = options.instructions
    measure(options.quick)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
