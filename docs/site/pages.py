"""Pages of the reference, written from the program: they cannot go stale."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

import f2fsim
from f2fsim.cli.main import app
from f2fsim.config.schema import file_schemas

WIDTHS = "f2fsim sweep reports/decoder_width/sweep.yaml -o out/w; f2fsim report out/w -o out/r"

#: Figures of the gallery: file below reports/, what it shows, and the command that draws it.
MASKS = "f2fsim paper --masks DIR --quality dlmc.csv.xz --exact-planes 1 --exact-every 8"
MAPS = "python benchmarks/network_maps.py reports/network"
DECODE = "python benchmarks/network_decode.py reports/network"

GALLERY = (
    ("masks/figures/unmatched.svg", "Care bits left unmatched, real masks", MASKS),
    ("masks/figures/sizes.svg", "Sizes of real masks and their values", MASKS),
    ("masks/figures/quality_transformer.svg", "Quality over size, Transformer", MASKS),
    ("masks/figures/quality_rn50.svg", "Quality over size, ResNet-50", MASKS),
    ("formats/figures/speedup.svg", "Speed-up of each machine", "make report-formats"),
    (
        "formats/figures/bits.svg",
        "Encoded bits a weight against the entropy",
        "make report-formats",
    ),
    ("formats/figures/case1_traffic.svg", "DRAM traffic by stream", "make report-formats"),
    ("formats/figures/case1_stalls.svg", "Where the array's cycles went", "make report-formats"),
    ("formats/figures/case1_energy.svg", "Energy by component", "make report-formats"),
    ("formats/figures/case1_bandwidth.svg", "Bandwidth over time", "make report-formats"),
    ("formats/figures/case1_roofline.svg", "Layers under the roofline", "make report-formats"),
    ("network/timeline.svg", "Stages of a network on one time axis", MAPS),
    ("network/traffic_over_time.svg", "DRAM bytes of a network over time", MAPS),
    ("network/residency.svg", "What the scratchpad holds over time", MAPS),
    ("network/decode_edge_int8.svg", "Tokens a second of LLaMA-7B by format, LPDDR5", DECODE),
    ("network/decode_server_int8.svg", "Tokens a second of LLaMA-7B by format, HBM2", DECODE),
    ("network/kv_share_edge_int8.svg", "Share of the KV cache in the bytes of a token", DECODE),
    (
        "batches/edge/figures/crossover_batch_opennsfw_int8_sparsity_0.9.svg",
        "Speed-up of F2F as the batch grows",
        "make report-batches",
    ),
    (
        "decoder_width/figures/sweep1_pareto.svg",
        "Pareto front of a sweep over decoders",
        WIDTHS,
    ),
    *(
        (f"decoder_width/figures/sweep1_{name}_2.svg", title, WIDTHS)  # of N_s = 3
        for name, title in (
            ("width_efficiency", "Encoding efficiency over the decoder's width"),
            ("width_bits_per_weight", "Bits a weight over the decoder's width"),
            ("width_time_us", "Time over the decoder's width"),
            ("error_area", "Patches against the area of a decoder"),
        )
    ),
    (
        "hardware_cost/efficiency_gates.svg",
        "Encoding efficiency against gates",
        "python benchmarks/decoder_gates.py -o reports/hardware_cost/efficiency_gates.csv",
    ),
    (
        "duel/maps/figures/duel1_map.svg",
        "Which family wins over two conditions, and by how much",
        "make report-duel",
    ),
    ("paper/paper.svg", "E over sparsity, encoders and prunings", "f2fsim paper -o reports/paper"),
)


def generated_pages(root: Path) -> dict[str, str]:
    """Return the text of every generated page by its path in the site."""
    return {
        "reference/cli.md": cli_page(),
        "reference/yaml.md": yaml_page(),
        "reference/python.md": python_page(),
        "reference/results.md": results_page(),
        "gallery.md": gallery_page(root),
        "contributing.md": (root / "CONTRIBUTING.md").read_text(encoding="utf-8"),
        "changelog.md": (root / "CHANGELOG.md").read_text(encoding="utf-8"),
    }


def gallery_files(root: Path) -> dict[str, Path]:
    """Return the figures that the gallery shows, by their path in the site."""
    found = {f"gallery/{name}": root / "reports" / name for name, _, _ in GALLERY}
    return {name: path for name, path in found.items() if path.is_file()}


def kind_of_figure(name: str) -> str:
    """Return what a file of a figure shows, without the case, sweep or network that it is of."""
    stem = re.sub(r"^(case|sweep|duel)\d+_", "", Path(name).stem)
    stem = re.sub(r"^(width_.*|error_area)_\d+$", r"\1", stem)
    return re.sub(r"^(crossover_batch|crossover_sparsity|decode|kv_share)_.*", r"\1", stem)


def gallery_page(root: Path) -> str:
    """Return the gallery: each figure with its command."""
    lines = ["# Gallery", "", "Every figure that the program draws, and the command under it.", ""]
    for name, title, command in GALLERY:
        if (root / "reports" / name).is_file():
            lines += [f"## {title}", "", f"![{title}](gallery/{name}){{ .picture }}", ""]
            lines += ["```text", command, "```", ""]
    lines += [
        "## A timeline of a run",
        "",
        "`f2fsim simulate … --trace run.json` writes one for [Perfetto](https://ui.perfetto.dev) "
        "([how to](how-to/traces.md)).",
        "",
    ]
    return "\n".join(lines)


def leaf_commands(command: Any, name: str = "f2fsim") -> Iterator[tuple[str, Any]]:
    """Yield every command with its full name."""
    if hasattr(command, "commands"):
        for sub, one in command.commands.items():
            yield from leaf_commands(one, f"{name} {sub}")
    else:
        yield name, command


def cli_page() -> str:
    """Return the reference of the command line."""
    lines = [
        "# Command line",
        "",
        "`f2fsim --width COLUMNS …` sets the width of tables, `f2fsim --install-completion` "
        "completes commands and shipped names. Exit status: 0, 2 for bad input, 1 for a failure, "
        "130 if interrupted.",
        "",
    ]
    for name, command in leaf_commands(typer.main.get_command(app)):
        text = inspect.cleandoc(command.help or "").replace("[bold]", "`").replace("[/bold]", "`")
        lines += [f"## {name}", "", *_paragraphs(text), ""]
        rows = [_parameter(one) for one in command.params if one.name != "help"]
        lines += ["| argument or option | meaning | default |", "|---|---|---|", *rows, ""]
    return "\n".join(lines)


def _paragraphs(text: str) -> list[str]:
    """Return help text as Markdown: examples as code."""
    out = []
    for line in text.splitlines():
        stripped = line.strip()
        if set(stripped) == {"-"}:
            continue
        out.append(
            f"    {stripped}" if line.startswith("  ") or stripped.startswith("f2fsim ") else line
        )
        if out[-1].startswith("    ") and len(out) > 1 and not out[-2].startswith("    "):
            out.insert(-1, "")
    return out


def _parameter(one: Any) -> str:
    if one.param_type_name == "argument":
        what = f"`{(one.metavar or one.name).upper()}`"
        default = "" if one.required else str(one.show_default or "")
    else:
        metavar = "" if one.is_flag else f" {one.metavar}"
        what = ", ".join(f"`{flag}{metavar}`" for flag in (*one.opts, *one.secondary_opts))
        default = one.show_default if isinstance(one.show_default, str) else _default(one)
    return f"| {what} | {_cell(one.help or '')} | {_cell(default)} |"


def _default(one: Any) -> str:
    if one.required:
        return "required"
    value = one.default
    return "" if value is None or value is False or callable(value) else f"`{value}`"


def _cell(text: str) -> str:
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;")


def yaml_page() -> str:
    """Return the reference of all keys of all kinds of file."""
    lines = [
        "# YAML keys",
        "",
        "`f2fsim schema KIND` prints the same as JSON Schema, for editors that complete keys. A "
        "quantity always has its unit (`64 KiB`, `800 MHz`). How files are read: "
        "[Configuration files](../configuration.md).",
        "",
    ]
    for kind, make in file_schemas().items():
        if kind != "results":
            lines += _schema_section(kind, make())
    return "\n".join(lines)


def _schema_section(kind: str, schema: dict[str, Any]) -> list[str]:
    lines = [f"## {kind}", "", *_keys(schema), ""]
    for name, model in schema.get("$defs", {}).items():
        if model.get("properties"):
            lines += [f"### {name} ({kind})", "", _cell(model.get("description", "")), ""]
            lines += [*_keys(model), ""]
    return lines


def _keys(model: dict[str, Any]) -> list[str]:
    lines = ["| key | type | default | meaning |", "|---|---|---|---|"]
    required = model.get("required", ())
    for key, value in model.get("properties", {}).items():
        default = "required" if key in required else f"`{json.dumps(value.get('default'))}`"
        words = _cell(value.get("description", ""))
        lines.append(f"| `{key}` | {_type(value)} | {_cell(default)} | {words} |")
    return lines


def _type(value: dict[str, Any]) -> str:
    """Return the type of a key in words, with its range."""
    if "$ref" in value:
        return value["$ref"].rpartition("/")[2]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in value:
            return " or ".join(dict.fromkeys(_type(one) for one in value[key]))
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value:
        return ", ".join(f"`{one}`" for one in value["enum"])
    if value.get("type") == "array":
        inner = value.get("items") or {}
        return f"list of {_type(inner)}" if inner else "list"
    text = {"null": "none", "object": "mapping", "string": "text"}.get(
        value.get("type", ""), value.get("type", "any")
    )
    ends = [f"≥ {value['minimum']}" if "minimum" in value else ""]
    ends += [f"> {value['exclusiveMinimum']}" if "exclusiveMinimum" in value else ""]
    ends += [f"≤ {value['maximum']}" if "maximum" in value else ""]
    ends += [f"< {value['exclusiveMaximum']}" if "exclusiveMaximum" in value else ""]
    ends += [f"as {value['examples'][0]!r}" if value.get("examples") else ""]
    given = ", ".join(one for one in ends if one)
    return _cell(f"{text} {given}".strip())


def results_page() -> str:
    """Return the shape of results.json."""
    schema = file_schemas()["results"]()
    lines = [
        "# results.json",
        "",
        "`f2fsim simulate --out`, `compare --out` and `result.save` write a list of results, "
        "`--json` prints them; `f2fsim schema results` prints this as JSON Schema, "
        "`f2fsim.load` reads them. Units are in the names. Times are whole ticks; a layer's are "
        "those of one run, `totals` are those of the whole workload.",
        "",
    ]
    order = (
        "SimResult",
        "LayerResult",
        "PlanStats",
        "ComponentStats",
        "StreamStats",
        "MemoryStats",
    )
    for name in order:
        model = schema["$defs"][name]
        lines += [f"## {name}", "", _cell(model["description"]), "", *_keys(model), ""]
    totals = schema["$defs"]["SimResult"]["properties"]["totals"]
    return "\n".join([*lines, "## totals", "", *_keys(totals), ""])


#: Classes of the Python reference, beside the functions of the package.
CLASSES = (
    "f2fsim.results.Comparison",
    "f2fsim.results.SimResult",
    "f2fsim.results.LayerResult",
    "f2fsim.results.ComponentStats",
    "f2fsim.results.StreamStats",
    "f2fsim.results.MemoryStats",
    "f2fsim.results.network.NetworkRun",
    "f2fsim.report.notebook.Plots",
    "f2fsim.explore.SweepResult",
    "f2fsim.explore.SearchResult",
    "f2fsim.explore.duel_result.DuelResult",
    "f2fsim.pipeline.encode_file.EncodeResult",
    "f2fsim.config.arch.ArchConfig",
    "f2fsim.config.Workload",
)


def python_page() -> str:
    """Return the reference of the Python API: every public name of the package."""
    lines = ["# Python", "", "Every job is one call, in the words of the command line.", ""]
    for name in f2fsim.__all__:
        if not name.startswith("__"):
            lines += [f"## f2fsim.{name} {{ #f2fsim-{name} }}", "", f"::: {_home(name)}", ""]
    lines += ["## Results and configurations", ""]
    for name in CLASSES:
        lines += [f"::: {name}", ""]
    return "\n".join(lines)


def _home(name: str) -> str:
    """Return where a public name is defined: the documentation tool reads sources."""
    value = getattr(f2fsim, name)
    function = getattr(value, "__func__", value)
    return f"{function.__module__}.{function.__qualname__}"
