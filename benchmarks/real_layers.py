"""Bits over entropy of real layers with the automatic choice of width and order.

    python benchmarks/real_layers.py [opennsfw] [silero_vad] [--sparsity 0.9 0.8 0.7]

Magnitude pruning, int8 unless --weight-type says otherwise, N_in = 16, N_s = 15 (registers of
256 bits); measured here.
"""

import argparse
import time

import numpy as np

from f2fsim.codec.f2f import F2FFormat, auto_format
from f2fsim.config import load_workload
from f2fsim.workloads import iterate_layers


def measure(name, sparsity, weight_type, codebook_bits):
    base = F2FFormat(n_in=16, n_s=15, mask_code="auto", codebook_bits=codebook_bits)
    value = mask = entropy = mask_entropy = 0.0
    choose = encode = 0.0
    workload = load_workload(name).with_overrides(sparsity=sparsity, weight_type=weight_type)
    for data in iterate_layers(workload):
        tensor = data.tensor
        start = time.process_time()
        codec = auto_format(tensor, base)
        middle = time.process_time()
        encoded = codec.encode(tensor)
        choose, encode = choose + middle - start, encode + time.process_time() - middle
        mask += encoded.streams["mask"].n_bits
        value += encoded.n_bits_without_mask
        entropy += tensor.n_kept * tensor.weight_type.n_bits
        kept = tensor.n_kept / tensor.n_weights
        if 0 < kept < 1:
            share = np.array([kept, 1 - kept])
            mask_entropy -= float((share * np.log2(share)).sum()) * tensor.n_weights
    return value / entropy, (value + mask) / (entropy + mask_entropy), choose, encode


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workloads", nargs="*", default=["opennsfw", "silero_vad"])
    parser.add_argument("--sparsity", nargs="+", type=float, default=[0.9, 0.8, 0.7])
    parser.add_argument("--weight-type", default="int8")
    parser.add_argument("--codebook-bits", type=int, default=0)
    given = parser.parse_args()
    for name in given.workloads:
        for sparsity in given.sparsity:
            value, both, choose, encode = measure(
                name, sparsity, given.weight_type, given.codebook_bits
            )
            print(
                f"{name:12s} S={sparsity}: values/entropy {value:.4f}, with mask {both:.4f}, "
                f"choice {choose:.1f} s, encode {encode:.1f} s"
            )


if __name__ == "__main__":
    main()
