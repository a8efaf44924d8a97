"""Files of weights to containers and back: exact, refused where they must be."""

import json
import threading
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from typer.testing import CliRunner

import f2fsim
from f2fsim.cli import console
from f2fsim.cli.main import app
from f2fsim.codec import FORMATS
from f2fsim.codec.container import Container
from f2fsim.errors import DataError, InputError
from f2fsim.pipeline import encode_file
from f2fsim.pipeline.decode_file import decode_file, inspect_file
from f2fsim.pipeline.encode_file import encode
from f2fsim.pipeline.encode_row import EncodeRow, total_row
from f2fsim.pipeline.verify_file import verify_file

RUNNER = CliRunner()


@pytest.fixture
def model(tmp_path):
    """A small model: a convolution, a matrix, and a bias that is no matrix."""
    rng = np.random.default_rng(0)
    arrays = {
        "conv": rng.standard_normal((8, 4, 3, 3)).astype(np.float32),
        "fc": rng.standard_normal((10, 64)).astype(np.float32),
        "bias": rng.standard_normal(10).astype(np.float32),
    }
    path = tmp_path / "model.safetensors"
    save_file(arrays, path)
    return path, arrays


def pruned(array, sparsity):
    """Magnitude pruning written down plainly (no ties in these weights)."""
    order = np.argsort(np.abs(array).ravel())
    out = array.ravel().copy()
    out[order[: round(sparsity * array.size)]] = 0
    return out.reshape(array.shape)


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"nm"}))
def test_floats_come_back_as_pruned(model, tmp_path, name):
    path, arrays = model
    container, back = tmp_path / "m.f2f.safetensors", tmp_path / "back.safetensors"
    result = encode(path, format=name, sparsity=0.75, weight_type="fp32", out=container)
    assert [row.tensor for row in result.rows] == ["conv", "fc"]
    assert [item.name for item in result.left_out] == ["bias"]
    assert decode_file(container, back) == ["conv", "fc"]
    written = load_file(back)
    for key in ("conv", "fc"):
        np.testing.assert_array_equal(written[key], pruned(arrays[key], 0.75))
    assert len(verify_file(container, against=path)) == 2


@pytest.mark.parametrize("ending", [".npz", ".safetensors"])
def test_integers_as_product_or_codes(model, tmp_path, ending):
    path, arrays = model
    container = tmp_path / "m.f2f.safetensors"
    encode(path, sparsity=0.5, weight_type="int8", out=container)
    decode_file(container, tmp_path / f"real{ending}")
    decode_file(container, tmp_path / f"codes{ending}", integers=True)
    load = load_file if ending == ".safetensors" else np.load
    real, codes = load(tmp_path / f"real{ending}"), load(tmp_path / f"codes{ending}")
    scale = np.abs(arrays["fc"]).max(axis=1) / 127
    np.testing.assert_allclose(codes["fc.scale"], scale, rtol=1e-6)
    np.testing.assert_array_equal(
        codes["fc"], np.rint(pruned(arrays["fc"], 0.5) / codes["fc.scale"][:, None])
    )
    np.testing.assert_array_equal(real["fc"], codes["fc"] * codes["fc.scale"][:, None])
    assert real["conv"].shape == (8, 4, 3, 3)


def test_bfloat16_and_half(model, tmp_path):
    path, arrays = model
    container = tmp_path / "m.f2f.safetensors"
    for dtype, tolerance in (("bf16", 2**-8), ("fp16", 2**-11)):
        encode(path, sparsity=0.5, weight_type=dtype, out=container)
        decode_file(container, tmp_path / "back.npz")
        back = np.load(tmp_path / "back.npz")["fc"]
        np.testing.assert_allclose(back, pruned(arrays["fc"], 0.5), rtol=tolerance)


def test_without_sparsity_zeros_are_the_mask(tmp_path):
    weights = np.zeros((4, 8), dtype=np.float32)
    weights[1, 3] = 2.0
    np.savez(tmp_path / "m.npz", w=weights)
    row = encode(tmp_path / "m.npz", format="csr").rows[0]
    assert (row.n_kept, row.n_weights) == (1, 32)


def test_rows_are_hand_computed():
    row = EncodeRow("t", (10, 10), "f2f", "int8", 100, 20, 8, {
        "weights": 170, "patches": 10, "mask": 60,
    }, 0.99, value_entropy=6.5)  # fmt: skip
    assert row.value_overhead == 180 / 160
    assert row.overhead == pytest.approx(240 / (160 + 100 * 0.7219280948873623))
    assert row.zero_order_overhead == pytest.approx(240 / (130 + 100 * 0.7219280948873623))
    assert row.reduction(with_mask=True) == 1 - 240 / 800
    assert row.reduction(with_mask=False) == 1 - 180 / 800
    total = total_row([row, EncodeRow("u", (1, 1), "f2f", "int8", 1, 0, 8, {"mask": 1}, 1.0)])
    assert (total.n_bits, total.n_weights, total.efficiency) == (241, 101, 0.99)
    assert total.value_entropy is None
    twice = total_row([row, replace(row, n_kept=60, value_entropy=2.5)])
    assert twice.value_entropy == pytest.approx((20 * 6.5 + 60 * 2.5) / 80)


def test_auto_takes_no_more_bits(model, tmp_path):
    container = tmp_path / "m.f2f.safetensors"
    given = {"n_s": 7, "n_out": 20, "order": "row"}
    fixed = encode(model[0], sparsity=0.8, params=given).rows
    chosen = encode(model[0], sparsity=0.8, params={"n_s": 7}, auto=True, out=container).rows
    assert sum(row.n_bits for row in chosen) < sum(row.n_bits for row in fixed)
    assert len(verify_file(container)) == 2
    with pytest.raises(InputError, match="of f2f only, not of 'csr'"):
        encode(model[0], format="csr", auto=True)


def test_inspect_needs_no_model(model, tmp_path):
    path, _ = model
    container = tmp_path / "m.f2f.safetensors"
    rows = encode(path, sparsity=0.8, out=container).rows
    assert inspect_file(container) == list(rows)


def test_same_call_same_bytes(model, tmp_path):
    path, _ = model
    for name in ("a", "b"):
        encode(path, sparsity=0.8, out=tmp_path / f"{name}.f2f.safetensors", seed=3)
    first, second = (tmp_path / f"{name}.f2f.safetensors" for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"format": "f2"}, "unknown format 'f2'"),
        ({"sparsity": 1.5}, "sparsity must be 0 to 1, got 1.5"),
        ({"weight_type": "int9"}, "did you mean 'int8'"),
        ({"params": {"n_ut": 3}}, "did you mean 'n_out'"),
        ({"tensors": ["conv1"]}, "did you mean 'conv'"),
        ({"weight_type": "uint8", "sparsity": 0.5}, "has negative weights"),
        ({"format": "nm", "sparsity": 0.1}, "is not 2:4"),
    ],
)
def test_bad_arguments_leave_no_file(model, tmp_path, arguments, message):
    out = tmp_path / "out" / "m.f2f.safetensors"
    with pytest.raises(InputError, match=message):
        encode(model[0], **arguments, out=out)
    assert not out.exists()
    assert not out.parent.exists() or not list(out.parent.iterdir())


def test_odd_files_are_refused(tmp_path):
    np.savez(tmp_path / "v.npz", v=np.zeros(3, dtype=np.float32))
    with pytest.raises(DataError, match="has no weight matrix"):
        encode(tmp_path / "v.npz")
    np.savez(tmp_path / "n.npz", w=np.full((2, 2), np.nan, dtype=np.float32))
    with pytest.raises(DataError, match="not finite"):
        encode(tmp_path / "n.npz", sparsity=0.5)
    with pytest.raises(InputError, match="a container's name ends with"):
        encode(tmp_path / "v.npz", out=tmp_path / "x.safetensors")
    with pytest.raises(InputError, match="weights are written to"):
        decode_file(tmp_path / "v.npz", tmp_path / "x.bin")


def test_nan_and_minus_zero_survive_as_floats(tmp_path):
    weights = np.array([[np.nan, -0.0, 1.0], [0.0, np.inf, -2.0]], dtype=np.float32)
    weights.view(np.uint32)[0, 0] = 0x7FC12345
    np.save(tmp_path / "w.npy", weights)
    container = tmp_path / "w.f2f.safetensors"
    (row,) = encode(tmp_path / "w.npy", weight_type="fp32", out=container).rows
    tensor = Container(container).read(row.tensor).decode()
    # Zeros are the mask, -0.0 among them; all other bits stay.
    assert tensor.patterns[0, 0] == 0x7FC12345
    assert tensor.n_kept == 4


def test_commands(model, tmp_path):
    path, _ = model
    container, back = tmp_path / "m.f2f.safetensors", tmp_path / "back.npz"
    arguments = ["encode", str(path), "-s", "0.9", "-o", str(container), "-p", "n_out=40", "--json"]
    result = RUNNER.invoke(app, arguments)
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    assert [row["tensor"] for row in rows] == ["conv", "fc"]
    assert rows[0]["format"] == "f2f"
    inspected = RUNNER.invoke(app, ["inspect", str(container), "--json"])
    assert json.loads(inspected.stdout) == rows
    assert "total" in RUNNER.invoke(app, ["inspect", str(container)]).stdout
    assert RUNNER.invoke(app, ["decode", str(container), "-o", str(back)]).exit_code == 0
    verified = RUNNER.invoke(app, ["verify", str(container), "--against", str(path)])
    assert "2 tensors, 928 weights: exact" in verified.stdout.replace("\n", " ")
    csv = RUNNER.invoke(app, ["inspect", str(container), "--csv"]).stdout.splitlines()
    assert csv[0].startswith("tensor,shape,format,type,weights,S,E_pct")
    assert len(csv) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-p", "n_out"], "must be KEY=VALUE"),
        (["-p", "n_out=8", "-p", "n_out=9"], "is given twice"),
        (["-p", "n_out=x"], "n_out"),
    ],
)
def test_bad_command_arguments(model, arguments, message):
    result = RUNNER.invoke(app, ["encode", str(model[0]), *arguments])
    assert isinstance(result.exception, InputError)
    assert message in str(result.exception)


def test_python_call_is_exported(model):
    row = f2fsim.encode(model[0], format="dense").rows[0]
    assert row.n_bits == 8 * row.n_weights


def test_a_container_is_not_replaced_by_its_weights(model, tmp_path):
    container = tmp_path / "plain.safetensors"
    encode(model[0], sparsity=0.75, out=tmp_path / "m.f2f.safetensors")
    (tmp_path / "m.f2f.safetensors").rename(container)
    before = container.read_bytes()
    with pytest.raises(InputError, match="is the container itself"):
        decode_file(container, container)
    assert container.read_bytes() == before


@pytest.mark.parametrize("bad", ["file/m", "folder/m", "x" * 300 + "/m", "y" * 300])
def test_an_output_that_cannot_be_is_refused_before_the_work(model, tmp_path, capsys, bad):
    (tmp_path / "file").write_text("mine")
    for ending in (".f2f.safetensors", ".npz"):
        (tmp_path / f"folder/m{ending}").mkdir(parents=True)
    container = tmp_path / "m.f2f.safetensors"
    encode(model[0], sparsity=0.75, out=container)
    for command, source, ending in (
        ("encode", model[0], ".f2f.safetensors"),
        ("decode", container, ".npz"),
    ):
        out = str(tmp_path / f"{bad}{ending}")
        assert console.run(lambda c=command, s=source, o=out: app([c, str(s), "-o", o])) == 2
        told = capsys.readouterr().err
        assert "encoding" not in told
        assert told.replace("\n", "").startswith("f2fsim: out: ")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_file_of_vectors_says_how_to_encode_them(tmp_path):
    save_file({"bias": np.ones(30, np.float32)}, tmp_path / "b.safetensors")
    with pytest.raises(DataError, match=r"1 tensor, none of two .*; --tensor bias encodes a vec"):
        encode(tmp_path / "b.safetensors")
    (row,) = encode(tmp_path / "b.safetensors", tensors=["bias"]).rows
    assert row.n_weights == 30


def test_verify_compares_what_was_pruned_too(model, tmp_path):
    path, arrays = model
    container, other = tmp_path / "m.f2f.safetensors", tmp_path / "other.safetensors"
    # All zeros: what the model says of the pruned weights decides.
    save_file({key: np.zeros_like(value) for key, value in arrays.items()}, other)
    encode(other, out=container)
    assert len(verify_file(container, against=other)) == 2
    with pytest.raises(DataError, match=r"'conv': holds only zeros, .* has weights up to"):
        verify_file(container, against=path)
    encode(path, sparsity=1.0, out=container)
    assert len(verify_file(container, against=path)) == 2
    # A pruned weight that outgrew those that are kept.
    encode(path, sparsity=0.75, weight_type="fp32", out=container)
    changed = {key: value.copy() for key, value in arrays.items()}
    changed["fc"].flat[np.argmin(np.abs(arrays["fc"]))] = 9.0
    save_file(changed, other)
    with pytest.raises(DataError, match=r"'fc': a weight of magnitude 9.0 .* is pruned"):
        verify_file(container, against=other)
    # Without pruning the zeros are the mask, and only they.
    sparse = {key: pruned(value, 0.5) for key, value in arrays.items()}
    save_file(sparse, other)
    encode(other, weight_type="fp32", out=container)
    assert len(verify_file(container, against=other)) == 2
    sparse["conv"][sparse["conv"] == 0] = 5.0
    save_file(sparse, other)
    with pytest.raises(DataError, match=r"'conv': a weight of magnitude 5.0 .* is pruned"):
        verify_file(container, against=other)


def test_a_parameter_of_before_warns_with_its_new_name(tmp_path):
    np.save(tmp_path / "w.npy", np.eye(8, 16, dtype=np.float32))
    with pytest.warns(DeprecationWarning, match="dtype is now weight_type"):
        (row,) = encode(tmp_path / "w.npy", dtype="int4").rows
    assert row.weight_type == "int4"


@pytest.mark.parametrize("n_cores", [1, 2, 8])
def test_tensors_are_encoded_in_order_and_not_too_many_at_once(monkeypatch, n_cores):
    monkeypatch.setattr(encode_file.os, "cpu_count", lambda: n_cores)
    monkeypatch.setattr(encode_file, "_MOST_WEIGHTS", 10)
    sizes = [3, 4, 2, 5, 11, 1, 1, 9, 2, 30, 30, 6]
    lock, under_way, most = threading.Lock(), [], []

    def encode_one(one):
        with lock:
            under_way.append(one[1].values.size)
            most.append(sum(under_way))
        with lock:
            under_way.remove(one[1].values.size)
        in_main = threading.current_thread() is threading.main_thread()
        assert in_main == (n_cores == 1 or one[1].values.size > 10)
        return one[0]

    given = ((i, SimpleNamespace(values=np.zeros(n))) for i, n in enumerate(sizes))
    assert list(encode_file._some_at_once(encode_one, given)) == list(range(len(sizes)))
    assert max(most) <= 30


def test_the_first_error_of_a_tensor_ends_the_encoding(monkeypatch):
    monkeypatch.setattr(encode_file.os, "cpu_count", lambda: 2)

    def encode_one(one):
        if one[0] >= 2:
            raise DataError(f"tensor {one[0]}")
        return one[0]

    given = ((i, SimpleNamespace(values=np.zeros(1))) for i in range(9))
    encoded = encode_file._some_at_once(encode_one, given)
    assert [next(encoded), next(encoded)] == [0, 1]
    with pytest.raises(DataError, match="tensor 2"):
        next(encoded)
    assert next(given)[0] < 9  # the others were not read
