"""Value codes of real layers against zero-order entropy, care bits, patterns' planes and Huffman.

    python benchmarks/value_codes.py reports/value_codes/bits.csv [--workloads opennsfw …]
        [--types int8 int4 bf16 fp8_e4m3 fp8_e5m2] [--sparsity 0 0.5 0.7 0.9]
    python benchmarks/value_codes.py reports/value_codes/bits.csv --table
    python benchmarks/value_codes.py --rates [--n-s 15]

Magnitude pruning; what ``encode --auto`` chooses for each layer; sums over all layers.  A row that
the file has is not measured again.  Columns: H, the zero-order entropy of each layer's kept values,
in bits; value bits (all but the mask) over it; care bits (all codewords) over it; encoded bits and
patches over care bits; the table's share; value bits over (1-S) n_w; bits a weight with the mask;
the same with the patterns' own planes and with a Huffman code of 12 bits; this Huffman code's bits
over the entropy of its symbols and the bits behind them, without and with the mask.  Processor
seconds of encoding are printed.  --rates: instead, single planes of random care bits,
N_out = 160, by their care bits a step.  Measured here.
"""

import argparse
import csv
import itertools
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from f2fsim.codec.choose import encode_smallest
from f2fsim.codec.entropy import value_entropy
from f2fsim.codec.f2f import DecoderMatrix, care_from_mask, decode_values
from f2fsim.codec.f2f.elimination import encode_elimination
from f2fsim.codec.f2f.format import patch_places
from f2fsim.codec.f2f.patches import to_fields
from f2fsim.codec.f2f.rates import CHECK_BITS, PERIOD, choose_rate, fill_of
from f2fsim.codec.huffman import HuffmanFormat
from f2fsim.codec.huffman_symbols import expected_value_bits
from f2fsim.config import load_workload
from f2fsim.workloads import iterate_layers

WORKLOADS = ("opennsfw", "silero_vad", "minilm")
TYPES = ("int8", "int4", "bf16", "fp8_e4m3", "fp8_e5m2")
KEY = ("workload", "type", "S")
COLUMNS = (
    *KEY,
    "H",
    "value / H",
    "care / H",
    "bits / care",
    "table / H",
    "of n_w",
    "bits a weight",
    "patterns",
    "huffman",
    "huffman / own H",
    "huffman with mask",
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


def measure_layer(tensor, given, sums):
    kind = tensor.weight_type
    sums.n_weights += tensor.n_weights
    sums.n_kept += tensor.n_kept
    sums.entropy += tensor.n_kept * value_entropy(tensor)
    start = time.process_time()
    encoded = encode_smallest(tensor, given)
    sums.add(seconds=time.process_time() - start)
    value = encoded.n_bits_without_mask
    table = encoded.streams.get("codebook")
    huffman = HuffmanFormat(mask="auto").encode(tensor)
    sums.add(
        value=value,
        table=table.n_bits if table else 0,
        care=encoded.stats.get("n_care_bits", value),
        whole=tensor.n_kept * kind.n_bits,
        all=encoded.n_bits,
        patterns=encode_smallest(tensor, given | {"value_code": "none"}).n_bits,
        huffman=huffman.n_bits,
        symbols=huffman.n_bits_without_mask,
        symbol_entropy=tensor.n_kept * expected_value_bits(tensor),
    )


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


def row(name, kind, sparsity, sums):
    """Return the figures of a workload as text, by column."""
    b, n, h = sums.bits, sums.n_weights, sums.entropy
    mask = b["huffman"] - b["symbols"]
    found = (
        f"{h / sums.n_kept:.3f}",
        f"{b['value'] / h:.4f}",
        f"{b['care'] / h:.4f}",
        f"{(b['value'] - b['table']) / b['care']:.4f}",
        f"{b['table'] / h:.4f}",
        f"{b['value'] / b['whole']:.3f}",
        *(f"{b[key] / n:.3f}" for key in ("all", "patterns", "huffman")),
        f"{b['symbols'] / b['symbol_entropy']:.4f}",
        f"{b['huffman'] / (b['symbol_entropy'] + mask):.4f}",
    )
    return dict(zip(COLUMNS, (name, kind, f"{sparsity:g}", *found), strict=True))


def measure(path, workloads, types, sparsities, params):
    """Append the rows that `path` lacks."""
    done = {tuple(r[key] for key in KEY) for r in read(path)}
    for name, kind, sparsity in itertools.product(workloads, types, sparsities):
        if (name, kind, f"{sparsity:g}") in done:
            continue
        sums = Sums()
        workload = load_workload(name).with_overrides(sparsity=sparsity, weight_type=kind)
        for data in iterate_layers(workload):
            measure_layer(data.tensor, params, sums)
        found = row(name, kind, sparsity, sums)
        print(*found.values(), f"{sums.bits['seconds']:.1f} s", flush=True)
        write(path, [*read(path), found])


def read(path):
    """Return the rows of a file."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write(path, rows):
    """Write rows in the order of workloads, types and sparsities."""
    path.parent.mkdir(parents=True, exist_ok=True)
    place = {name: i for i, name in enumerate((*WORKLOADS, *TYPES))}
    rows.sort(key=lambda r: (place.get(r["workload"], 99), place.get(r["type"], 99), float(r["S"])))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def table(path):
    """Print a file as the table of docs/codec.md."""
    print("| " + " | ".join(COLUMNS) + " |")
    print("|---" * len(COLUMNS) + "|")
    for found in read(path):
        print("| " + " | ".join(found.values()) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=Path("reports/value_codes/bits.csv"))
    parser.add_argument("--workloads", nargs="+", default=WORKLOADS)
    parser.add_argument("--types", nargs="+", default=TYPES)
    parser.add_argument("--sparsity", nargs="+", type=float, default=[0.0, 0.5, 0.7, 0.9])
    parser.add_argument("--n-s", type=int, help="in place of what is chosen")
    parser.add_argument("--table", action="store_true", help="print the file")
    parser.add_argument("--rates", action="store_true", help="single planes of random care bits")
    given = parser.parse_args()
    if given.table:
        table(given.file)
    elif given.rates:
        n_s = given.n_s or 15
        for rate in (0.3, 0.8, 1.6, 3, 8, 16):
            print(f"{rate} care bits a step, N_s={n_s}: {plane_of(rate, n_s):.4f}")
    else:
        params = {} if given.n_s is None else {"n_s": given.n_s}
        measure(given.file, given.workloads, given.types, given.sparsity, params)


if __name__ == "__main__":
    main()
