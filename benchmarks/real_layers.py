"""Bits over entropy of real layers: the automatic choice, and the published scheme beside it.

    python benchmarks/real_layers.py [opennsfw] [silero_vad] [--sparsity 0.9 0.8 0.7] [--viterbi]

Magnitude pruning, int8 unless --weight-type says otherwise.  ``auto``: N_in = 16, N_s = 15
(registers of 256 bits), elimination, width and order chosen for each layer, best mask code.
``viterbi`` (with --viterbi: minutes to an hour): the exact encoder in row order with a raw mask,
N_in = 8, N_s = 2, N_out = 8 over the layer's density.  Sums over all layers; measured here.
"""

import argparse
import time
from dataclasses import dataclass

import numpy as np

from f2fsim.codec.f2f import F2FFormat, auto_format
from f2fsim.config import load_workload
from f2fsim.workloads import iterate_layers


@dataclass
class Sums:
    """Bits and processor seconds over all layers."""

    value: float = 0.0
    mask: float = 0.0
    choose: float = 0.0
    encode: float = 0.0

    def add(self, codec, tensor, chosen_at):
        """Encode a layer; its format was looked for from `chosen_at` on."""
        middle = time.process_time()
        encoded = codec.encode(tensor)
        self.choose += middle - chosen_at
        self.encode += time.process_time() - middle
        self.mask += encoded.streams["mask"].n_bits
        self.value += encoded.n_bits_without_mask

    def line(self, entropy, mask_entropy):
        """Return the sums over their bounds."""
        both = (self.value + self.mask) / (entropy + mask_entropy)
        return (
            f"values/entropy {self.value / entropy:.4f}, with mask {both:.4f}, "
            f"choice {self.choose:.1f} s, encode {self.encode:.1f} s"
        )


def mask_bits_at_least(tensor):
    """Entropy of the mask, all places alike."""
    share = np.array([tensor.n_kept, tensor.n_weights - tensor.n_kept]) / tensor.n_weights
    share = share[share > 0]
    return -float((share * np.log2(share)).sum()) * tensor.n_weights


def published(tensor):
    """The published scheme at the width that the layer's density calls for."""
    n_out = min(int(8 * tensor.n_weights / tensor.n_kept + 1e-9), 512)
    return F2FFormat(n_in=8, n_out=n_out, n_s=2, order="row", encoder="viterbi")


def measure(name, sparsity, weight_type, viterbi):
    base = F2FFormat(n_in=16, n_s=15, mask_code="auto")
    sums = {"auto": Sums()} | ({"viterbi": Sums()} if viterbi else {})
    entropy = mask_entropy = 0.0
    workload = load_workload(name).with_overrides(sparsity=sparsity, weight_type=weight_type)
    for data in iterate_layers(workload):
        tensor = data.tensor
        entropy += tensor.n_kept * tensor.weight_type.n_bits
        mask_entropy += mask_bits_at_least(tensor)
        start = time.process_time()
        sums["auto"].add(auto_format(tensor, base), tensor, start)
        if viterbi:
            sums["viterbi"].add(published(tensor), tensor, time.process_time())
    for scheme, total in sums.items():
        line = total.line(entropy, mask_entropy)
        print(f"{name:12s} S={sparsity} {scheme:8s} {line}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workloads", nargs="*", default=["opennsfw", "silero_vad"])
    parser.add_argument("--sparsity", nargs="+", type=float, default=[0.9, 0.8, 0.7])
    parser.add_argument("--weight-type", default="int8")
    parser.add_argument("--viterbi", action="store_true", help="the published scheme too (slow)")
    given = parser.parse_args()
    for name in given.workloads:
        for sparsity in given.sparsity:
            measure(name, sparsity, given.weight_type, given.viterbi)


if __name__ == "__main__":
    main()
