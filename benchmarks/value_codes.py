"""Value codes of real layers against zero-order entropy, care bits, patterns' planes and Huffman.

    python benchmarks/value_codes.py [opennsfw silero_vad minilm] [--types int8 int4 bf16 fp8_e4m3]
        [--sparsity 0 0.5 0.7 0.9] [--n-s 15] [--no-plain] [--rates]

Magnitude pruning; what ``encode --auto`` chooses for each layer; sums over all layers.  Columns:
H(value) in bits; value bits, patches and tables over it; care bits over it; encoded bits and
patches over care bits; the table's share; value bits over (1-S) n_w; bits a weight with the mask;
the same with the patterns' own planes and with a Huffman code of 12 bits; seconds of one core.
--rates: instead, single planes of random care bits, N_out = 160, by their care bits a step.
Measured here.
"""

import argparse
import time
from dataclasses import dataclass, field

import numpy as np

from f2fsim.codec.choose import encode_smallest
from f2fsim.codec.entropy import value_entropy
from f2fsim.codec.f2f import DecoderMatrix, care_from_mask, decode_values
from f2fsim.codec.f2f.elimination import encode_elimination
from f2fsim.codec.f2f.format import patch_places
from f2fsim.codec.f2f.patches import to_fields
from f2fsim.codec.f2f.rates import CHECK_BITS, PERIOD, choose_rate, fill_of
from f2fsim.codec.huffman import HuffmanFormat
from f2fsim.config import load_workload
from f2fsim.workloads import iterate_layers

HEADINGS = (
    "| workload | type | S | H(value) | value / H | care / H | bits / care | table / H | of n_w "
    "| bits a weight | patterns | huffman | s |"
)


@dataclass
class Sums:
    """Bits over the layers of a workload."""

    n_weights: int = 0
    n_kept: int = 0
    entropy: float = 0.0
    bits: dict[str, float] = field(default_factory=dict)

    def add(self, **bits):
        """Add to the sums of these names."""
        for name, n in bits.items():
            self.bits[name] = self.bits.get(name, 0) + n


def measure_layer(tensor, given, sums, plain):
    kind = tensor.weight_type
    sums.n_weights += tensor.n_weights
    sums.n_kept += tensor.n_kept
    sums.entropy += tensor.n_kept * value_entropy(tensor)
    start = time.process_time()
    encoded = encode_smallest(tensor, given)
    done = time.process_time()
    value = encoded.n_bits_without_mask
    table = encoded.streams.get("codebook")
    sums.add(
        encode=done - start,
        value=value,
        table=table.n_bits if table else 0,
        care=encoded.stats.get("n_care_bits", value),
        patterns=tensor.n_kept * kind.n_bits,
        all=encoded.n_bits,
        huffman=HuffmanFormat(mask="auto").encode(tensor).n_bits,
        plain=0,
    )
    if plain:
        sums.add(plain=encode_smallest(tensor, given | {"value_code": "none"}).n_bits)


def plane_of(rate, n_s, n_out=160, n_blocks=12_000):
    """Encoded bits and patches over the care bits of a random plane."""
    rng = np.random.default_rng(0)
    care = care_from_mask(rng.random(n_blocks * n_out) < rate / n_out, n_out)
    care = care.with_values(rng.integers(0, 2, care.n_kept).astype(np.uint32))
    matrix = DecoderMatrix.random(16, n_out, n_s)
    chosen = choose_rate(care, 16, n_s, 1, CHECK_BITS, whole=False)
    words = encode_elimination(matrix, care, 1, fill=fill_of(chosen))
    wrong = decode_values(matrix, words, care) ^ care.val
    patches = int(to_fields(patch_places(care, wrong, 1)).widths.sum())
    return (n_blocks * chosen / PERIOD + patches) / care.n_kept


def line(name, kind, sparsity, sums):
    b, n = sums.bits, sums.n_weights
    coded = b["value"] - b["table"]
    return (
        f"| {name} | {kind} | {sparsity:g} | {sums.entropy / sums.n_kept:.3f} "
        f"| {b['value'] / sums.entropy:.4f} | {b['care'] / sums.entropy:.4f} "
        f"| {coded / b['care']:.4f} | {b['table'] / sums.entropy:.4f} "
        f"| {b['value'] / b['patterns']:.3f} | {b['all'] / n:.3f} | {b['plain'] / n:.3f} "
        f"| {b['huffman'] / n:.3f} | {b['encode']:.1f} |"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workloads", nargs="*", default=["opennsfw", "silero_vad", "minilm"])
    parser.add_argument("--types", nargs="+", default=["int8", "int4", "bf16", "fp8_e4m3"])
    parser.add_argument("--sparsity", nargs="+", type=float, default=[0.0, 0.5, 0.7, 0.9])
    parser.add_argument("--n-s", type=int, help="in place of what is chosen")
    parser.add_argument("--rates", action="store_true", help="single planes of random care bits")
    parser.add_argument("--no-plain", action="store_true", help="not the patterns' planes beside")
    given = parser.parse_args()
    if given.rates:
        for rate in (0.3, 0.8, 1.6, 3, 8, 16):
            n_s = given.n_s or 15
            print(f"{rate} care bits a step, N_s={n_s}: {plane_of(rate, n_s):.4f}")
        return
    params = {} if given.n_s is None else {"n_s": given.n_s}
    print(HEADINGS)
    print("|---" * (HEADINGS.count("|") - 1) + "|")
    for name in given.workloads:
        for kind in given.types:
            for sparsity in given.sparsity:
                sums = Sums()
                workload = load_workload(name)
                workload = workload.with_overrides(sparsity=sparsity, weight_type=kind)
                for data in iterate_layers(workload):
                    measure_layer(data.tensor, params, sums, not given.no_plain)
                print(line(name, kind, sparsity, sums), flush=True)


if __name__ == "__main__":
    main()
