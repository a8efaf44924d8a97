"""Sizes are whole: what is printed is what the file takes, to the byte, on ten networks."""

import itertools
import json

import numpy as np
import pytest
from safetensors.numpy import save_file
from typer.testing import CliRunner

from f2fsim.cli.main import app
from f2fsim.codec.container import Container
from f2fsim.pipeline.decode_file import inspect_file
from f2fsim.pipeline.encode_file import encode
from f2fsim.pipeline.encode_row import total_row
from f2fsim.pipeline.verify_file import verify_file

RUNNER = CliRunner()

#: Shapes of small networks, names and biases as checkpoints have them.
NETWORKS = {
    "recogniser": [
        (16, 1, 5, 5),
        (32, 16, 3, 3),
        (64, 32, 3, 3),
        (64, 1, 3, 3),
        (96, 128),
        (10, 96),
    ],
    "perceptron": [(128, 196), (64, 128), (10, 64)],
    "mobile": [s for c in (16, 24, 48) for s in ((c, 1, 3, 3), (2 * c, c, 1, 1), (c, 2 * c, 1, 1))],
    "recurrent": [(256, 64), (256, 64), (12, 64)],
    "attention": [(64, 64)] * 4 + [(128, 64), (64, 128)],
    "keyword": [(64, 1, 10, 4), (64, 1, 3, 3), (64, 64, 1, 1), (12, 64)],
    "one layer": [(40, 90)],
    "tiny": [(8, 9), (8, 8), (2, 8)],
    "audio": [(32, 40, 3), (64, 32, 3), (64, 64, 3), (1, 64)],
    "many small": [(6, 7)] * 30,
}
F2F = {"n_s": 15, "mask_code": "auto"}


def write(path, name):
    """Weights whose rows differ in size, as trained ones do."""
    rng = np.random.default_rng(len(name))
    arrays = {}
    for i, shape in enumerate(NETWORKS[name]):
        rows = rng.gamma(3.0, 0.4, (shape[0], *[1] * (len(shape) - 1)))
        values = rng.standard_normal(shape) * rows
        arrays[f"features.{i}.block.weight"] = values.astype(np.float32)
        arrays[f"features.{i}.block.bias"] = rng.standard_normal(shape[0]).astype(np.float32)
    save_file(arrays, path)


@pytest.mark.parametrize("dtype", ["int8", "bf16"])
@pytest.mark.parametrize("name", NETWORKS)
def test_rows_add_up_to_the_file(tmp_path, name, dtype):
    model, out = tmp_path / "m.safetensors", tmp_path / "m.f2f.safetensors"
    write(model, name)
    sizes, headers = {}, {}
    for label, format_name, params, auto in [
        ("auto", "f2f", {}, True), ("f2f", "f2f", F2F, False), ("bitmap", "bitmap", {}, False),
        ("coded bitmap", "bitmap", {"mask": "auto"}, False), ("csr", "csr", {}, False),
        ("dense", "dense", {}, False),
    ]:  # fmt: skip
        given = {"format": format_name, "params": params, "auto": auto, "sparsity": 0.9}
        given["weight_type"] = dtype
        rows = list(encode(model, **given, out=out).rows)
        assert rows == inspect_file(out) == verify_file(out)
        assert list(encode(model, **given).rows) == rows
        total = total_row(rows)
        sizes[label] = total
        assert total.file_bytes == out.stat().st_size
        stored = Container(out).size()
        streams = sum(-(-bits // 8) for row in rows for bits in row.stream_bits.values())
        assert sum(stored.tensor_bytes.values()) == streams + total.scale_bits // 8
        headers[label] = stored.header_bytes
        # Frame and one table, and a line of it for each tensor.
        assert stored.header_bytes < 360 + 60 * len(rows)
        n_rows = sum(row.shape[0] for row in rows)
        assert total.scale_bits == (32 * n_rows if dtype == "int8" else 0)

    own = ["auto"] if sizes["dense"].n_weights < 2000 else ["auto", "f2f"]
    for label, other in itertools.product(own, ("bitmap", "csr", "dense")):
        if sizes[label].n_bits < sizes[other].n_bits:
            assert sizes[label].file_bytes <= sizes[other].file_bytes
    # F2F's line in the table is longer than bitmap's by its widths, orders, planes and patches.
    assert headers["f2f"] < headers["bitmap"] + 60 + 24 * len(NETWORKS[name])
    assert headers["auto"] < headers["bitmap"] + 90 + 32 * len(NETWORKS[name])


def test_the_small_recogniser_saves_in_its_file_what_is_printed(tmp_path):
    """Printed 83.7 % saved and written more bytes than bitmap's, before sizes were whole."""
    model, out = tmp_path / "m.safetensors", tmp_path / "m.f2f.safetensors"
    write(model, "recogniser")
    files = {}
    for format_name, params in (("f2f", ["n_s=15", "mask_code=auto"]), ("bitmap", [])):
        arguments = ["encode", str(model), "-s", "0.9", "-f", format_name, "-o", str(out), "--json"]
        done = RUNNER.invoke(app, arguments + [f"-p{param}" for param in params])
        assert done.exit_code == 0, done.output
        rows = json.loads(done.stdout)
        files[format_name] = out.stat().st_size
        assert sum(row["file_bytes"] for row in rows) == files[format_name]
        for row in rows:
            assert row["file_bits_per_weight"] == 8 * row["file_bytes"] / row["weights"]
            assert row["file_reduction_pct"] == pytest.approx(
                100 - 100 * row["file_bytes"] / row["weights"]
            )
    assert files["f2f"] < files["bitmap"]
    shown = RUNNER.invoke(app, ["inspect", str(out)]).stdout
    assert f"{files['bitmap']:,}" in shown.replace("\n", " ").split()


def test_quiet_prints_nothing_but_what_was_asked_for(tmp_path):
    model, out = tmp_path / "m.safetensors", tmp_path / "m.f2f.safetensors"
    write(model, "tiny")
    quiet = RUNNER.invoke(app, ["encode", str(model), "-s", "0.9", "-o", str(out), "-q"])
    assert (quiet.exit_code, quiet.output) == (0, "")
    assert out.exists()
    rows = RUNNER.invoke(app, ["encode", str(model), "-s", "0.9", "-q", "--json"])
    assert len(json.loads(rows.stdout)) == 3
