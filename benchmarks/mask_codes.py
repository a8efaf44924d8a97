"""Bits and speed of the mask codes on an even mask: ``python benchmarks/mask_codes.py``."""

from __future__ import annotations

import time

import numpy as np

from f2fsim.codec.masks import MASK_CODES, NARROWED, decode_mask, encode_mask, fit_mask

N_WEIGHTS = 5_900_000


def main(sparsity: float = 0.9) -> None:
    mask = np.random.default_rng(0).random(N_WEIGHTS) >= sparsity
    p = 1.0 - sparsity
    entropy = -(p * np.log2(p) + sparsity * np.log2(sparsity))
    print(f"{N_WEIGHTS:,} weights, S={sparsity}, entropy {entropy:.4f} bits a weight")
    print(f"{'code':10} {'bits/w':>7} {'/H':>6} {'fit':>6} {'encode':>7} {'decode':>7}  parameters")
    for code in (*MASK_CODES, *NARROWED):
        times = [time.perf_counter()]
        _, params, n_bits = fit_mask(mask, code)
        times.append(time.perf_counter())
        coded = encode_mask(mask, code, unit=80, params=params)
        times.append(time.perf_counter())
        back = decode_mask(coded.stream, mask.size, coded.code, coded.params)
        times.append(time.perf_counter())
        if not np.array_equal(back, mask) or coded.stream.n_bits != n_bits:
            raise SystemExit(f"{code}: not exact")
        fit, encode, decode = (1e3 * t for t in np.diff(times))
        rate = n_bits / mask.size
        print(
            f"{code:10} {rate:7.4f} {rate / entropy:6.3f} {fit:4.0f}ms {encode:5.0f}ms "
            f"{decode:5.0f}ms  {params}"
        )


if __name__ == "__main__":
    main()
