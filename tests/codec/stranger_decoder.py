"""A decoder written from docs/format.md alone: it imports nothing of the program and no NumPy."""

import hashlib
import itertools
import json
import math
import zlib
from pathlib import Path

WIDTHS = {
    "int4": 4, "uint4": 4, "int8": 8, "uint8": 8, "fp8_e4m3": 8, "fp8_e5m2": 8,
    "fp16": 16, "bf16": 16, "fp32": 32,
}  # fmt: skip
FLOATS = {"fp16": (5, 10), "bf16": (8, 7), "fp32": (8, 23)}
LOW64 = (1 << 64) - 1


class Bits:
    """A stream read field by field."""

    def __init__(self, data, n_bits):
        self.value = int.from_bytes(data, "little")
        self.n_bits = n_bits
        self.at = 0

    def take(self, width):
        assert self.at + width <= self.n_bits
        field = (self.value >> self.at) & ((1 << width) - 1)
        self.at += width
        return field

    def left(self):
        return self.n_bits - self.at

    def all(self, width):
        return [self.take(width) for _ in range(self.n_bits // width)]


def read_file(path):
    """Return {name: (entry, {stream: Bits})}; sections 1 and 2."""
    raw = path.read_bytes()
    n = int.from_bytes(raw[:8], "little")
    header, data = json.loads(raw[8 : 8 + n]), raw[8 + n :]
    assert header["__metadata__"]["f2fsim.version"] == "2"
    begin, end = header["table"]["data_offsets"]
    sum16, table = data[begin : begin + 16], data[begin + 16 : end]
    begin, end = header["streams"]["data_offsets"]
    streams = data[begin:end]
    assert hashlib.sha256(table).digest()[:16] == sum16
    n = int.from_bytes(table[:4], "little")
    told, rest = json.loads(unfold(table[4 : 4 + n])), table[4 + n :]
    names = told["names"]
    sums, checks = rest[: len(rest) - 4 * len(names)], rest[len(rest) - 4 * len(names) :]
    found, at, pack = {}, 0, 0
    for i, name in enumerate(names):
        flat = {**told["shared"], **{key: column[i] for key, column in told["columns"].items()}}
        entry = entry_of({key: value for key, value in flat.items() if value is not None})
        entry["content_crc32"] = int.from_bytes(checks[4 * i : 4 * i + 4], "little")
        at += 4 * entry["matrix"][0] if entry.get("has_scale") else 0
        cut = {}
        for stream in ("codebook", "indices", "mask", "patches", "pointers", "weights"):
            if stream in entry["bits"]:
                n_bytes = -(-entry["bits"][stream] // 8)
                cut[stream] = Bits(streams[at : at + n_bytes], entry["bits"][stream])
                at += n_bytes
        found[name] = entry, cut
        if at - pack >= 4096 or i == len(names) - 1:
            assert hashlib.sha256(streams[pack:at]).digest()[:16] == sums[:16]
            pack, sums = at, sums[16:]
    assert (at, sums) == (len(streams), b"")
    return found


def unfold(folded):
    page = (Path(__file__).parents[2] / "docs/format.md").read_text()
    lines = page.split("**Preset dictionary**")[1].split("```")[1].split("\n")
    return zlib.decompressobj(zdict="".join(lines).encode()).decompress(folded)


def entry_of(flat):
    entry = {"params": {}, "stats": {}, "bits": {}}
    for key, value in flat.items():
        group, dot, field = key.partition(".")
        if dot:
            entry[group][field] = value
        else:
            entry[key] = value
    shape = entry["shape"]
    whole = [shape[0], math.prod(shape[1:])] if len(shape) > 1 else [1, math.prod(shape)]
    entry.setdefault("matrix", whole)
    return entry


def read_flags(stream, n, coded):
    """Section 6."""
    code, params = coded["code"], coded["params"]
    if code == "raw":
        return [stream.take(1) for _ in range(n)]
    if code == "classes":
        return read_classes(stream, n, **params)
    if code == "block":
        return read_blocks(stream, n, **params)
    flags = []
    while stream.left():
        if code == "zero_runs":
            v = stream.take(params["run_bits"])
            last = v < 2 ** params["run_bits"] - 1
        else:
            v = 0
            while stream.take(1):
                v += 1
            v = (v << params["low_bits"]) + stream.take(params["low_bits"])
            last = True
        flags += [0] * v + [1] * last
    return flags + [0] * (n - len(flags))


def read_classes(stream, n, order, n_rows, n_cols, step, row_bits, column_bits):
    if n == 0:
        return []
    parameters = [stream.take(16) for _ in range(2 ** (row_bits + column_bits))]
    row_class = [stream.take(row_bits) for _ in range(n_rows)]
    column_class = [stream.take(column_bits) for _ in range(n_cols)]
    left, flags = {}, []
    for k in range(n):
        if order == 0:
            i, c = divmod(k, n_cols)
        elif order == 1:
            c, i = divmod(k, n_rows)
        else:
            d, i = divmod(k, n_rows)
            c = (i + step * d) % n_cols
        which = row_class[i] * 2**column_bits + column_class[c]
        if which not in left:
            m, run = parameters[which], 0
            while stream.take(1):
                run += m
            width = (m - 1).bit_length()
            rest = 0
            for _ in range(width - 1):
                rest = 2 * rest + stream.take(1)
            if width and rest >= 2**width - m:
                rest = 2 * rest + stream.take(1) - (2**width - m)
            left[which] = run + rest
        flags.append(int(left[which] == 0))
        left[which] -= 1
        if left[which] < 0:
            del left[which]
    return flags


def read_blocks(stream, n, block, max_ones, inverted, escapes):
    total = sum(math.comb(block, j) for j in range(max_ones + 1))
    width = (total + escapes - 1).bit_length()
    flags = []
    while len(flags) < n:
        x = stream.take(width)
        if x == total:
            flags += [stream.take(1) for _ in range(block)]
            continue
        ones = 0
        while x >= math.comb(block, ones):
            x -= math.comb(block, ones)
            ones += 1
        bits = [0] * block
        for j in range(ones, 0, -1):
            p = max(q for q in range(block) if math.comb(q, j) <= x)
            bits[p] = 1
            x -= math.comb(p, j)
        flags += bits
    return [flag ^ inverted for flag in flags[:n]]


def kept_zeros(entry, streams, n):
    coded = entry["params"].get("kept_zeros")
    return read_flags(streams["mask"], n, coded) if coded else [0] * n


def decode(entry, streams):
    """Return patterns and kept flags, row by row."""
    n_rows, n_cols = entry["matrix"]
    out = [0] * (n_rows * n_cols), [0] * (n_rows * n_cols)
    width = WIDTHS[entry["weight_type"]]
    varying = entry["params"].get("varying_bits", 2**width - 1)
    places = [i for i in range(width) if varying >> i & 1]
    stored = width if entry["format"] == "f2f" else len(places)
    READERS[entry["format"]](entry, streams, stored, n_rows, n_cols, *out)
    if len(places) < width:
        for at, field in enumerate(out[0]):
            pattern = sum((field >> i & 1) << place for i, place in enumerate(places))
            out[0][at] = pattern | (entry["params"]["constant_ones"] if out[1][at] else 0)
    flags = sum(flag << i for i, flag in enumerate(out[1]))
    patterns = b"".join(pattern.to_bytes(max(1, width // 8), "little") for pattern in out[0])
    content = patterns + flags.to_bytes((len(out[1]) + 7) // 8, "little")
    assert zlib.crc32(content) == entry["content_crc32"]
    return out


def dense(entry, streams, width, n_rows, n_cols, patterns, kept):
    patterns[:] = streams["weights"].all(width)
    flags = iter(kept_zeros(entry, streams, patterns.count(0)))
    kept[:] = [1 if p else next(flags) for p in patterns]


def bitmap(entry, streams, width, n_rows, n_cols, patterns, kept):
    kept[:] = read_flags(streams["mask"], n_rows * n_cols, entry["params"]["mask"])
    patterns[:] = [streams["weights"].take(width) if flag else 0 for flag in kept]


def huffman(entry, streams, width, n_rows, n_cols, patterns, kept):
    params, kind = entry["params"], entry["weight_type"]
    kept[:] = read_flags(streams["mask"], n_rows * n_cols, params["mask"])
    n_symbol, n_m = (width, 0) if width <= 8 else FLOATS[kind]
    apart = params.get("sign_apart", 0)
    n_symbol -= apart
    n_each, base, second = params.get("n_each", 1), params.get("base", 0), {}
    n_paired = min(n_symbol, 4)
    codes = codewords(streams["codebook"], n_symbol if n_each == 1 else 2 * n_paired)
    sizes = streams["pointers"].all(params["pointer_bits"]) or [0] * params["n_decoders"]
    left, parts = [-(-size // 8) for size in sizes], [0] * len(sizes)
    for j in range(-(-max(left) // params["word_bytes"])):
        for d in range(len(parts)):
            n = max(0, min(params["word_bytes"], left[d] - j * params["word_bytes"]))
            word = streams["weights"].take(8 * n)
            parts[d] |= word << (8 * j * params["word_bytes"])
    ins = [Bits(p.to_bytes(n, "little"), s) for p, n, s in zip(parts, left, sizes, strict=True)]
    for i, at in enumerate(k for k, flag in enumerate(kept) if flag):
        d, text = i % len(ins), ""
        stream = ins[d]
        while d not in second and text not in codes:
            text += str(stream.take(1))
        if width <= 8:
            flip = 1 << (width - 1) if kind.startswith("int") else 0
            symbol = second.pop(d) if d in second else codes[text]
            patterns[at] = (symbol & ((1 << width) - 1)) ^ flip
            if apart:
                patterns[at] |= stream.take(1) << 7
            if n_each == 2 and text:
                second[d] = symbol >> width
        elif d in second:
            patterns[at] = second.pop(d)
        else:
            symbol, found = codes[text], []
            for j in range(n_each):
                one = symbol if n_each == 1 else (symbol >> (j * n_paired)) & ((1 << n_paired) - 1)
                mantissa = stream.take(n_m)
                found.append(mantissa | (one + base) << n_m | stream.take(1) << (width - 1))
            patterns[at] = found[0]
            if n_each == 2:
                second[d] = found[1]
    assert not any(stream.left() for stream in ins)


def codewords(stream, n_symbol):
    """Symbols by codeword, a text of 0 and 1."""
    if not stream.n_bits:
        return {}
    first, last = stream.take(n_symbol), stream.take(n_symbol)
    length, lengths = -(-n_symbol // 2), {}
    for symbol in range(first, last + 1):
        k = 0
        while stream.take(1):
            k += 1
        if k != 1:
            length += k // 2 if k % 2 == 0 else -(k // 2)
            lengths[symbol] = length
    value, before, codes = 0, 0, {}
    for n, symbol in sorted((n, symbol) for symbol, n in lengths.items()):
        value <<= n - before
        codes[f"{value:0{n}b}"] = symbol
        value, before = value + 1, n
    return codes


def csr(entry, streams, width, n_rows, n_cols, patterns, kept):
    params = entry["params"]
    table = streams["pointers"].all(params["pointer_bits"])
    counts = table
    if params["pointers"] == "offsets":
        counts = [b - a for a, b in itertools.pairwise(table)]
    n_pes = params["interleave"]
    if n_pes == 1:
        rows = [r for r in range(n_rows) for _ in range(counts[r])]
    else:
        lists = [
            [r for r in range(pe, n_rows, n_pes) for _ in range(counts[r])] for pe in range(n_pes)
        ]
        longest = max(map(len, lists))
        rows = [own[j] for j in range(longest) for own in lists if j < len(own)]
    for row in rows:
        at = row * n_cols + streams["indices"].take(params["index_bits"])
        patterns[at], kept[at] = streams["weights"].take(width), 1


def csc_relative(entry, streams, width, n_rows, n_cols, patterns, kept):
    params = entry["params"]
    n_pes = params["n_pes"]
    counts = streams["pointers"].all(params["pointer_bits"])
    if params["pointers"] == "offsets":
        counts = [b - a for a, b in zip(counts, counts[n_pes:], strict=False)]
    places = [
        [(pe + n_pes * i) * n_cols + c for i in range(-(-n_rows // n_pes) + 1)]
        for c in range(n_cols)
        for pe in range(n_pes)
    ]
    runs(entry, streams, width, list(zip(counts, places, strict=True)), patterns, kept)


def cpsr(entry, streams, width, n_rows, n_cols, patterns, kept):
    p = entry["params"]
    pack, part = p["pack"], p["part_columns"]
    for cluster in range(p["n_clusters"]):
        for first in range(0, n_cols, part):
            streams["pointers"].take(p["pointer_bits"])
            lengths = [streams["pointers"].take(p["pointer_bits"]) for _ in range(pack)]
            rows = [cluster * pack + lane for lane in range(pack)]
            for packet in range(max(lengths)):
                for lane in range(pack):
                    index = streams["indices"].take(p["index_bits"])
                    value = streams["weights"].take(p["value_bits"])
                    if packet >= lengths[lane]:
                        continue
                    if index == 2 ** p["index_bits"] - 1:
                        rows[lane] += value * p["n_clusters"] * pack
                    else:
                        at = rows[lane] * n_cols + first + index
                        patterns[at], kept[at] = value, 1


def rle(entry, streams, width, n_rows, n_cols, patterns, kept):
    n = streams["indices"].n_bits // entry["params"]["run_bits"]
    runs(entry, streams, width, [(n, range(n_rows * n_cols))], patterns, kept)


def runs(entry, streams, width, segments, patterns, kept):
    k = entry["params"]["run_bits"]
    entries = [
        (*(streams["indices"].take(k), streams["weights"].take(width)), i == n - 1, places)
        for n, places in segments
        for i in range(n)
    ]
    alike = [r == 2**k - 1 and v == 0 and not last for r, v, last, _ in entries]
    flags = iter(kept_zeros(entry, streams, sum(alike)))
    at = -1
    for (r, v, last, places), looks in zip(entries, alike, strict=True):
        at += r + 1
        patterns[places[at]], kept[places[at]] = v, next(flags) if looks else 1
        at = -1 if last else at


def nm(entry, streams, width, n_rows, n_cols, patterns, kept):
    n, m = entry["params"]["n"], entry["params"]["m"]
    groups = -(-n_cols // m)
    values = [streams["weights"].take(width) for _ in range(n_rows * groups * n)]
    flags = iter(kept_zeros(entry, streams, values.count(0)))
    for slot, value in enumerate(values):
        place = streams["indices"].take((m - 1).bit_length())
        if value or next(flags):
            row, group = divmod(slot // n, groups)
            at = row * n_cols + group * m + place
            patterns[at], kept[at] = value, 1


class Random:
    """SplitMix64."""

    def __init__(self, seed):
        self.state = seed

    def draw(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & LOW64
        z = self.state
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & LOW64
        z = (z ^ z >> 27) * 0x94D049BB133111EB & LOW64
        return z ^ z >> 31

    def below(self, bound):
        return (self.draw() >> 32) * bound >> 32


def full_rank(rows, columns):
    left, rank = list(rows), 0
    while any(left):
        pivot = max(left)
        top = pivot.bit_length()
        left = [row ^ pivot if row.bit_length() == top else row for row in left]
        rank += 1
    even = all(row.bit_count() % 2 == 0 for row in rows)
    return rank == min(len(rows), columns - even)


def matrix(params):
    """Rows of M as numbers, bit j is column j."""
    columns = (params["n_s"] + 1) * params["n_in"]
    if "rows" in params:
        return [int(text, 16) for text in params["rows"]]
    random, taps = Random(params["seed"]), params["taps"]
    while True:
        rows, drawn = [], 0
        while len(rows) < params["n_out"] and drawn < 64 * params["n_out"]:
            drawn += 1
            row = 0
            if taps == "dense":
                for i in range(-(-columns // 64)):
                    row |= random.draw() << (64 * i)
                row &= (1 << columns) - 1
            else:
                edges = [i * columns // taps for i in range(taps + 1)]
                start = random.below(columns)
                for a, b in itertools.pairwise(edges):
                    row |= 1 << (start + a + random.below(b - a)) % columns
            if row and row not in rows:
                rows.append(row)
        if len(rows) == params["n_out"] and full_rank(rows, columns):
            return rows


def sequence(params, n_rows, n_cols):
    """Positions in block order."""
    order = list(range(n_rows))
    if "shuffle_seed" in params:
        random = Random(params["shuffle_seed"])
        for i in range(n_rows - 1, 0, -1):
            j = random.below(i + 1)
            order[i], order[j] = order[j], order[i]
    n = n_rows * n_cols
    if params["order"] == "row":
        return [order[k // n_cols] * n_cols + k % n_cols for k in range(n)]
    if params["order"] == "column":
        return [order[k % n_rows] * n_cols + k // n_rows for k in range(n)]
    step = params["order_step"]
    return [
        order[k % n_rows] * n_cols + (k % n_rows + step * (k // n_rows)) % n_cols for k in range(n)
    ]


def gaps(stream, code):
    """Yield the places of a gap-coded sequence until its stream ends."""
    place, (k, d) = -1, code
    offsets = [sum(2 ** (k + d * e) for e in range(c)) for c in range(5)]
    while stream.left():
        kind = stream.take(2)
        gap = offsets[kind] + stream.take(k + d * kind)
        place += gap
        if gap < offsets[4] - 1:
            place += 1
            yield place


def f2f(entry, streams, width, n_rows, n_cols, patterns, kept):
    params = entry["params"]
    positions = sequence(params, n_rows, n_cols)
    flags = read_flags(streams["mask"], len(positions), params["mask"])
    rows, n_in, n_out = matrix(params), params["n_in"], params["n_out"]
    code = None
    if "codebook" in streams:
        code = value_code(streams["codebook"], entry["weight_type"], width, n_in)
        rates, stored, inverted = code["rates"], range(len(code["rates"])), []
    else:
        stored, inverted = params["stored_planes"], params["inverted_planes"]
        rates = [64 * n_in for _ in stored]
    blocks = [range(b, min(b + n_out, len(flags))) for b in range(0, len(flags), n_out)]
    words = []
    for b in range(len(blocks)):
        t = b // params["n_groups"]
        fills = [a * (t + 1) // 64 - a * t // 64 for a in rates]
        words.append([streams["weights"].take(fill) for fill in fills])
    care = []
    for b, block in enumerate(blocks):
        for s, plane in enumerate(stored):
            register = 0
            for j in range(params["n_s"] + 1):
                if b - j * params["n_groups"] >= 0:
                    register |= words[b - j * params["n_groups"]][s] << (j * n_in)
            care += [
                (k, plane, (rows[k - block.start] & register).bit_count() & 1)
                for k in block
                if flags[k]
            ]
    flipped = set(gaps(streams["patches"], params["patch_code"]))
    coded = {k: 0 for k, flag in enumerate(flags) if flag}
    for number, (k, plane, bit) in enumerate(care):
        coded[k] |= (bit ^ (number in flipped)) << plane
    inversion = sum(1 << plane for plane in inverted)
    for k, value in coded.items():
        patterns[positions[k]] = value_of(code, value) if code else value ^ inversion
        kept[positions[k]] = 1


def value_code(stream, kind, width, n_in):
    """The table of a value code."""
    code = {"signed": stream.take(1), "float": kind[0] in "fb"}
    code["shift"] = stream.take(5) if stream.take(1) else 0
    code["centre"] = stream.take(width) if stream.take(1) else 0
    code["width"] = width - code["shift"]
    classes, base = [], 0
    for _ in range(stream.take(5)):
        base = stream.take(width) if stream.take(1) else base
        suffix, prefix = stream.take(width.bit_length()), stream.take(3)
        classes.append((prefix, base, suffix))
        base += 1 << suffix
    n_planes = max((prefix + suffix for prefix, _, suffix in classes), default=0)
    value, before, code["classes"] = 0, 0, []
    for prefix, base, suffix in sorted(classes, key=lambda c: c[0]):
        value <<= prefix - before
        code["classes"].append((prefix, value, base, suffix))
        value, before = value + 1, prefix
    known, code["rates"] = {}, []
    for plane in range(n_planes):
        cares = tuple(
            i
            for i, (prefix, _, suffix) in enumerate(classes)
            if plane < suffix or plane >= n_planes - prefix
        )
        if cares not in known:
            known[cares] = stream.take((64 * n_in).bit_length())
        code["rates"].append(known[cares])
    assert not stream.left()
    return code


def value_of(code, coded):
    """The pattern of a coded weight."""
    n_planes, width = len(code["rates"]), code["width"]
    for prefix, value, base, suffix in code["classes"]:
        if coded >> (n_planes - prefix) == value:
            u = (base + coded % 2**suffix) % 2**width
    if not code["signed"]:
        x = u + code["centre"]
    elif code["float"]:
        x = u // 2 + u % 2 * 2 ** (width - 1)
    else:
        x = (-(u // 2) - 1 if u % 2 else u // 2) + code["centre"]
    return x % 2**width << code["shift"]


READERS = {
    "dense": dense, "bitmap": bitmap, "csr": csr, "cpsr": cpsr, "csc_relative": csc_relative, "rle": rle,
    "nm": nm, "f2f": f2f, "huffman": huffman,
}  # fmt: skip
