"""Odd files: what each is, how to make it, and words that the refusal must hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from f2fsim import shipped

ARCH = shipped.names("arch_configs")["f2f_edge"].read_text()
PE_ARRAY = ARCH[ARCH.index("\npe_array:") + 1 : ARCH.index("scratchpad:")]
LAYER = "  - {name: a, op: linear, tensor: w, in_features: 16, out_features: 8}\n"
WORKLOAD = f"name: t\nweights: {{file: m.safetensors}}\nlayers:\n{LAYER}"

Spoil = Callable[[Path], object]


def arch(old: str, new: str) -> Spoil:
    """Return what swaps a part of the architecture's file."""
    assert old in ARCH
    return lambda folder: (folder / "a.yaml").write_text(ARCH.replace(old, new, 1))


def workload(old: str, new: str) -> Spoil:
    """Return what swaps a part of the workload's file."""
    assert old in WORKLOAD
    return lambda folder: (folder / "w.yaml").write_text(WORKLOAD.replace(old, new, 1))


def whole(name: str, data: bytes | str) -> Spoil:
    """Return what replaces a file."""
    content = data if isinstance(data, bytes) else data.encode()
    return lambda folder: (folder / name).write_bytes(content)


def link(target: str) -> Spoil:
    """Return what makes the architecture a link."""

    def spoil(folder: Path) -> None:
        (folder / "a.yaml").unlink()
        (folder / "a.yaml").symlink_to(target)

    return spoil


def n_in(text: str) -> Spoil:
    """Return what gives ``n_in``, line 10, another value."""
    return arch("n_in: 8", f"n_in: {text}")


AT_N_IN = "a.yaml:10: front_end.n_in: "
INTEGER = AT_N_IN + "must be a valid integer, got "

SCALARS: dict[str, tuple[Spoil, str]] = {
    "octal": (n_in("010"), AT_N_IN + "must be written without leading zeros"),
    "base 60": (n_in("12:30"), INTEGER + "'12:30'"),
    "float": (n_in("8.0"), INTEGER + "8.0"),
    "exponent": (n_in("1.0e9"), INTEGER),
    "hexadecimal": (n_in("0x8"), INTEGER + "'0x8'"),
    "new octal": (n_in("0o10"), INTEGER + "'0o10'"),
    "underscore": (n_in("1_0"), INTEGER + "'1_0'"),
    "date": (n_in("2020-01-01"), INTEGER + "'2020-01-01'"),
    "not a number": (n_in(".nan"), INTEGER),
    "infinity": (n_in(".inf"), INTEGER),
    "too large for a float": (n_in("1e400"), INTEGER + "inf"),
    "fifty digits": (n_in("9" * 50), AT_N_IN + "number 99999999999999999999… is too large"),
    "list": (n_in("[8]"), INTEGER + "[8]"),
    "mapping": (n_in("{a: 1}"), INTEGER),
    "nothing": (n_in(""), INTEGER + "null"),
    "true": (n_in("true"), INTEGER + "true"),
    "quoted": (n_in("'8'"), INTEGER + "'8'"),
    "explicit tag": (n_in("!!int '8'"), "a.yaml:10: tag 'tag:yaml.org,2002:int' is not allowed"),
    "false tag": (n_in("!!int eight"), "a.yaml:10: tag"),
    "float tag": (n_in("!!float x"), "a.yaml:10: tag"),
    "python object": (n_in("!!python/object/apply:os.system ['touch pwned']"), "a.yaml:10: tag"),
    "own tag": (n_in("!foo x"), "a.yaml:10: tag '!foo' is not allowed"),
    "yes": (
        arch("  preset", "  refresh: yes\n  preset"),
        "memory.refresh: must be a valid boolean",
    ),
    "number for a name": (arch("name: f2f_edge", "name: 12"), "a.yaml:3: name: must be a valid"),
    "no name": (arch("name: f2f_edge", "name: ''"), "name: must have at least 1 character, got ''"),
    "size without unit": (arch("512 KiB", "524288"), "capacity: must be a size such as '64 KiB'"),
    "unit in small letters": (arch("512 KiB", "512 kib"), "with one of the units B, KB"),
    "part of a byte": (arch("512 KiB", "0.3 B"), "a whole number of bytes, got '0.3 B'"),
    "negative size": (arch("512 KiB", "-512 KiB"), "capacity: must be a size such as"),
    "size of nothing": (arch("512 KiB", "0 KiB"), "capacity: must be greater than 0"),
    "huge size": (arch("512 KiB", "99999999 GiB"), "must be less than 281474976710656"),
    "quantity of 5000 digits": (arch("800 MHz", f"0.{'8' * 5000} GHz"), "clock: must be a freq"),
    "huge clock": (arch("800 MHz", "99999 GHz"), "clock: must be less than or equal to"),
    "clock without common tick": (arch("800 MHz", "799.999999 MHz"), "a.yaml:5: clock: clocks"),
    "decimal comma": (arch("800 MHz", "0,8 GHz"), "clock: must be a frequency such as"),
}

RULES: dict[str, tuple[Spoil, str]] = {
    "n_out below n_in": (
        arch("n_out: 80", "n_out: 4"),
        "a.yaml:11: front_end.n_out: must be ≥ n_in (8), got 4",
    ),
    "taps beyond the register": (
        arch("n_s: 15", "n_s: 1\n  taps: 17"),
        "a.yaml:14: front_end.taps: must be ≤ n_in·(n_s+1) = 16, got 17",
    ),
    "viterbi with many registers": (
        arch("n_s: 15", "n_s: 15\n  encoder: viterbi"),
        "a.yaml:14: front_end.encoder: viterbi needs n_in·n_s ≤ 16, got 120",
    ),
    "array that does not fit": (
        arch(PE_ARRAY, "pe_array:\n  kind: systolic\n  rows: 8\n  columns: 8\n"),
        "a.yaml:20: pe_array.kind: must be lanes for a f2f front end, got 'systolic'",
    ),
    "shared reads without requests": (
        arch("zeros: gate", "zeros: gate\n  shared_reads: true"),
        "pe_array.shared_reads: must be false for lanes that read neighbouring columns",
    ),
    "scratchpad too small": (
        arch("512 KiB", "1 B"),
        "a.yaml:29: scratchpad.capacity: layer 'a' needs at least 18 bytes",
    ),
    "prefetch too small": (
        arch("prefetch: 4 KiB", "prefetch: 1 B"),
        "a.yaml:33: streams.prefetch: stream 'weights' needs at least 64 bytes",
    ),
    "kind in capitals": (
        arch("kind: f2f", "kind: F2F"),
        "a.yaml:9: front_end.kind: must be one of f2f, dense",
    ),
    "no kind": (arch("  kind: f2f\n", ""), "a.yaml:8: front_end.kind: key is required"),
    "list of kinds": (arch("kind: f2f", "kind: [f2f]"), "a.yaml:9: front_end.kind: must be one of"),
    "near choice": (
        arch("n_s: 15", "n_s: 1\n  encoder: viterb"),
        "must be 'elimination' or 'viterbi' (did you mean 'viterbi'?), got 'viterb'",
    ),
    "scalar for a section": (arch("memory:\n  preset: lpddr4_3200", "memory: 5"), "a mapping of"),
    "section of nothing": (arch("memory:\n  preset: lpddr4_3200", "memory:"), "got null"),
    "missing preset file": (
        arch("lpddr4_3200", "./no.yaml"),
        "a.yaml:7: memory.preset: no.yaml: cannot be read",
    ),
    "unknown preset": (arch("lpddr4_3200", "lpddr4_320"), "did you mean 'lpddr4_3200'?"),
    "unknown cost table": (
        arch("clock:", "cost_table: nangat45\nclock:"),
        "a.yaml:5: cost_table: no cost table 'nangat45' (did you mean 'nangate45'?)",
    ),
}

FILES: dict[str, tuple[Spoil, str]] = {
    "tab": (arch("  n_in: 8", "\tn_in: 8"), "a.yaml:10: is not valid YAML"),
    "utf-16": (whole("a.yaml", ARCH.encode("utf-16")), "a.yaml:1: is not UTF-8 text"),
    "latin-1": (whole("a.yaml", ARCH.encode() + b"# \xe4\n"), "is not UTF-8 text"),
    "nul": (whole("a.yaml", ARCH + "\0"), "a.yaml:35: is not text: character 0x0"),
    "control character": (whole("a.yaml", ARCH + "# \x07\n"), "character 0x7 is not allowed"),
    "deep mappings": (whole("a.yaml", "a: " + "{a: " * 999 + "1" + "}" * 999), "nests too deeply"),
    "long line": (whole("a.yaml", "name: " + "x" * 20_000), "must have at most 100 characters"),
    "too long": (whole("a.yaml", "# " + "x" * 17_000_000), "is longer than 16777216 bytes"),
    "two documents": (whole("a.yaml", f"{ARCH}\n---\nname: b\n"), "another document"),
    "cyclic alias": (whole("a.yaml", "a: &b [*b]\n"), "aliases"),
    "merge key": (whole("a.yaml", "a: &b {n: 1}\nc: {<<: *b}\n"), "aliases"),
    "text only": (whole("a.yaml", "hello"), "must hold a mapping"),
    "list": (whole("a.yaml", "- a\n"), "must hold a mapping"),
    "open bracket": (arch("name: f2f_edge", "name: ["), "is not valid YAML"),
    "future YAML": (whole("a.yaml", "%YAML 9.9\n---\nname: x\n"), "is not valid YAML"),
    "link to itself": (link("a.yaml"), "a.yaml: cannot be read"),
    "broken link": (link("none.yaml"), "a.yaml: cannot be read: No such file"),
    "nothing for ever": (link("/dev/zero"), "is longer than"),
    "null device": (link("/dev/null"), "must hold a mapping"),
}

WORKLOADS: dict[str, tuple[Spoil, str]] = {
    "sparsity above one": (
        workload("name: t", "name: t\npruning: {method: magnitude, sparsity: 1.1}"),
        "w.yaml:2: pruning.sparsity: must be less than or equal to 1, got 1.1",
    ),
    "sparsity in per cent": (
        workload("name: t", "name: t\npruning: {method: magnitude, sparsity: 90%}"),
        "w.yaml:2: pruning.sparsity: must be a valid number, got '90%'",
    ),
    "near method": (
        workload("name: t", "name: t\npruning: {method: magnitud, sparsity: 0.5}"),
        "w.yaml:2: pruning.method: must be one of none, magnitude, random, nm, block, row_uneven "
        "(did you mean 'magnitude'?), got 'magnitud'",
    ),
    "near key": (
        workload("in_features", "in_feature"),
        "w.yaml:4: layers.0.in_feature: unknown key (did you mean 'in_features'?)",
    ),
    "near operation": (
        workload("op: linear", "op: linaer"),
        "w.yaml:4: layers.0.op: must be one of",
    ),
    "layer twice": (workload(LAYER, LAYER * 2), "w.yaml:5: layers.1.name: layer name 'a' is used"),
    "more weights than memory": (
        workload(
            "in_features: 16, out_features: 8", f"in_features: {2**31}, out_features: {2**31}"
        ),
        "w.yaml:4: layers.0: has 4611686018427387904 weights",
    ),
    "kernel larger than its input": (
        workload(
            "op: linear, tensor: w, in_features: 16, out_features: 8",
            "op: conv2d, tensor: w, in_channels: 1, out_channels: 8, kernel: [3, 3], "
            "input_size: [2, 2]",
        ),
        "w.yaml:4: layers.0: the kernel does not fit",
    ),
    "two sources": (
        workload("name: t", "name: t\nsynthetic: {distribution: normal}"),
        "w.yaml:2: synthetic: exactly one of weights and synthetic",
    ),
    "layers of nothing": (workload(f"layers:\n{LAYER}", "layers:\n"), "layers: must be a list"),
    "missing file": (
        workload("m.safetensors", "no.safetensors"),
        "w.yaml:2: weights.file: no.safetensors: no such file",
    ),
    "pickle": (workload("m.safetensors", "m.pkl"), "w.yaml:2: weights.file: m.pkl: not a known"),
    "missing tensor": (workload("tensor: w", "tensor: ww"), "w.yaml:4: layers.0: m.safetensors"),
    "version as a number": (
        workload("{file: m.safetensors}", "{file: m.safetensors, version: 1.0}"),
        "w.yaml:2: weights.version: must be a valid string, got 1.0",
    ),
    "huge header": (
        whole("m.safetensors", (2**62).to_bytes(8, "little") + b"{}"),
        "m.safetensors: not a safetensors file or truncated",
    ),
}

ODD = {**SCALARS, **RULES, **FILES, **WORKLOADS}
