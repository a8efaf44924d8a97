"""The study of real masks: sets and archives, figures against a direct count, its report."""

from __future__ import annotations

import csv
import io
import lzma
import tarfile
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from f2fsim.cli.main import app
from f2fsim.codec.entropy import binary_entropy
from f2fsim.errors import DataError, InputError
from f2fsim.explore.mask_sets import MaskSet, mask_files, read_table
from f2fsim.explore.mask_study import (
    DECODERS,
    LayerTask,
    affordable_planes,
    make_tasks,
    run_layer,
    run_masks,
)
from f2fsim.explore.mask_totals import VARIANTS, by_set, layer_rows, table_problems
from f2fsim.report.mask_report import mask_report

HEAD = "model,quality,path,name,nrows,ncols,nnz\n"


def smtx(mask: np.ndarray) -> str:
    """Return a mask in the collection's form."""
    offsets = np.concatenate([[0], np.cumsum(mask.sum(axis=1))])
    lines = [f"{mask.shape[0]}, {mask.shape[1]}, {mask.sum()}"]
    return "\n".join([*lines, " ".join(map(str, offsets)), " ".join(map(str, mask.nonzero()[1]))])


def random_mask(seed: int, shape: tuple[int, int], density: float) -> np.ndarray:
    """Return a mask with exactly that density."""
    flat = np.zeros(shape[0] * shape[1], bool)
    flat[: round(density * flat.size)] = True
    return np.random.default_rng(seed).permutation(flat).reshape(shape)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sets: even masks of two layers in a folder, uneven ones in an archive."""
    root = tmp_path_factory.mktemp("collection")
    even = root / "dlmc/net/random_pruning/0.9"
    even.mkdir(parents=True)
    for number, shape in enumerate([(160, 250), (96, 200)]):
        (even / f"layer_{number}.smtx").write_text(smtx(random_mask(number, shape, 0.1)))
    rows = np.random.default_rng(5).random((128, 256))
    uneven = rows < np.where(np.arange(128) % 2, 0.18, 0.02)[:, None]
    data = smtx(uneven).encode()
    with tarfile.open(root / "uneven.tar.xz", "w:xz") as tar:
        for name in ("net/l0/0.9/layer_0.smtx", "net/l0/0.9/README"):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return root


@pytest.fixture(scope="module")
def totals(folder: Path, tmp_path_factory: pytest.TempPathFactory):
    kept = tmp_path_factory.mktemp("measured")
    with mask_files(folder) as files:
        return by_set(run_masks([LayerTask(file, 0, 1, kept) for file in files]))


def test_sets_are_found_in_folders_and_archives(folder: Path) -> None:
    with mask_files(folder) as files:
        assert [(str(f.set), f.layer, f.shape()) for f in files] == [
            ("net l0 0.9", "layer_0", (128, 256)),
            ("net random_pruning 0.9", "layer_0", (160, 250)),
            ("net random_pruning 0.9", "layer_1", (96, 200)),
        ]
        assert (files[1].mask() == random_mask(0, (160, 250), 0.1)).all()
        unpacked = files[0].path
        assert affordable_planes(files) == 8
    assert not unpacked.exists()


@pytest.mark.parametrize("name", ["../net/l0/0.9/a.smtx", "/tmp/net/l0/0.9/a.smtx"])
def test_an_archive_writes_nothing_elsewhere(tmp_path: Path, name: str) -> None:
    with tarfile.open(tmp_path / "masks.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo(name))
    refused = pytest.raises(DataError, match="lies outside of the archive")
    with refused, mask_files(tmp_path):
        pass


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.smtx", "must lie in NETWORK/METHOD/SPARSITY"),
        ("net/l0/dense/a.smtx", "must lie in NETWORK/METHOD/SPARSITY"),
        ("net/l0/0.9/a.txt", "no .smtx file and no tar archive"),
        ("net/l0/0.9/a.tar.xz", "cannot be unpacked"),
    ],
)
def test_folders_without_sets_are_refused(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("1, 1, 1\n0 1\n0\n")
    with pytest.raises(InputError, match=words), mask_files(tmp_path):
        pass


def test_a_layer_that_is_there_twice_is_refused(folder: Path, tmp_path: Path) -> None:
    for copy in ("a", "b"):
        (tmp_path / copy / "net/l0/0.9").mkdir(parents=True)
        (tmp_path / copy / "net/l0/0.9/x.smtx").write_text("1, 1, 1\n0 1\n0\n")
    with pytest.raises(InputError, match="two masks of layer 'x'"), mask_files(tmp_path):
        pass


def test_random_masks_have_the_efficiency_of_independent_bits(totals) -> None:
    """Published prototypes: 93.2 to 93.7 %, 98.7 to 99.2 %, 99.45 to 99.8 % at N_s 0, 1, 2."""
    even = totals[1]
    for way in ("published", "fitted"):
        for n_s, low, high in ((0, 93.0, 93.9), (1, 98.5, 99.4), (2, 99.25, 100.0)):
            assert low < 100 * even.efficiency((way, "viterbi", n_s)) < high
    assert even.value_bits(("published", "viterbi", 2)) > even.entropy_bits


def test_sums_are_those_of_a_direct_count(totals) -> None:
    even = totals[1]
    assert (even.n_weights, even.n_kept) == (160 * 250 + 96 * 200, 4000 + 1920)
    assert even.entropy_bits == 8 * 5920
    assert even.bound_bits == pytest.approx(59200 * binary_entropy(0.1) + 8 * 5920)
    variant = ("published", "viterbi", 0)
    found = [layer.of(*variant) for layer in even.layers]
    assert [f.n_care_bits for f in found] == [8 * 4000, 8 * 1920]
    missed = sum(f.n_unmatched_bits for f in found)
    assert even.n_patches(variant) == missed
    assert even.efficiency(variant) == 1 - missed / (8 * 5920)
    # Words of 500 and 240 blocks, eight planes, eight bits each, and the patches.
    words = 8 * 8 * (500 + 240)
    assert even.value_bits(variant) == words + even.patch_bits(variant)
    raw = even.reduction(variant, "raw")
    assert raw == pytest.approx(1 - (even.value_bits(variant) + 59200) / (8 * 59200))
    assert even.reduction(variant, "none") > even.reduction(variant, "best") >= raw


def test_one_plane_is_scaled_to_eight(totals) -> None:
    layer = totals[1].layers[0]
    found = layer.of("published", "viterbi", 2)
    assert (found.n_planes, found.n_care_bits) == (1, 4000)
    assert layer.of("published", "viterbi", 1).n_planes == 8
    (only,) = by_set([layer])
    assert only.value_bits(("published", "viterbi", 2)) == 8 * found.value_bits


def test_fewer_layers_are_scaled_to_all(folder: Path, tmp_path: Path) -> None:
    with mask_files(folder) as files:
        tasks = make_tasks(files, 0, 1, 2, tmp_path)
        assert [task.exact for task in tasks] == [False, False, True]
        uneven, even = by_set(run_masks(tasks))
    exact, other = ("published", "viterbi", 2), ("published", "viterbi", 1)
    assert [one.n_measured(exact) for one in (uneven, even)] == [0, 1]
    assert even.n_measured(other) == 2
    found = even.layers[1].of(*exact)
    assert found is not None
    assert even.efficiency(exact) == 1 - found.n_unmatched_bits / 1920
    assert even.value_bits(exact) == pytest.approx(found.value_bits * 8 * 5920 / 1920)
    assert np.isnan(uneven.efficiency(exact))
    assert np.isnan(uneven.value_bits(exact))
    report = mask_report([uneven, even], 1, "f2fsim paper", None)
    (unmatched,) = (f for f in report.figures() if f.name == "unmatched")
    named = next(s for s in unmatched.series if s.name == "published, viterbi N_s=2")
    assert named.x == ("net, random, pruning, 0.9",)


def test_uneven_rows_cost_the_published_order_most(totals) -> None:
    uneven = totals[0]
    published = uneven.efficiency(("published", "viterbi", 1))
    assert published < uneven.efficiency(("fitted", "viterbi", 1)) - 0.01
    assert uneven.layers[0].of("fitted", "viterbi", 1).order != "row"


def test_a_layer_is_measured_once(folder: Path, tmp_path: Path) -> None:
    with mask_files(folder) as files:
        task = LayerTask(files[2], 0, 1, tmp_path)
        first = run_layer(task)
        stamps = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
        assert len(stamps) == 5
        assert run_layer(task) == first
        assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == stamps
        other = run_layer(LayerTask(files[2], 1, 1, tmp_path))
        assert other.figures != first.figures
        assert run_masks([task, task], n_workers=2) == [first, first]


def table_text(totals) -> str:
    lines = [
        f"net,{quality},dlmc/{one.set.network}/{one.set.method}/{one.set.sparsity}/{x.layer}.smtx,,"
        f"{x.n_rows},{x.n_columns},{x.n_kept}.0"
        for one, quality in zip(totals, (20.5, 21.5), strict=True)
        for x in one.layers
    ]
    return HEAD + "\n".join(lines) + "\n"


def test_the_table_is_compared_layer_by_layer(totals, tmp_path: Path) -> None:
    text = table_text(totals)
    path = tmp_path / "table.csv.xz"
    path.write_bytes(lzma.compress(text.encode()))
    table = read_table(path)
    assert table.quality == {totals[0].set: 20.5, totals[1].set: 21.5}
    assert table_problems(totals, table) == []
    (tmp_path / "other.csv").write_text(text.replace("4000.0", "4001.0"))
    problems = table_problems(totals, read_table(tmp_path / "other.csv"))
    assert problems == [
        "net random_pruning 0.9: layer_0: (160, 250, 4000) where the table has (160, 250, 4001)"
    ]


def test_quality_of_another_network_is_refused(tmp_path: Path) -> None:
    sets = (
        ("a", "m", 70.0),
        ("a", "v", 71.0),
        ("b", "m", 20.0),
        ("b", "l", 25.0),
        ("b", "v", 71.0),
    )
    lines = [f"x,{quality},{net}/{method}/0.9/w.smtx,,4,4,1" for net, method, quality in sets]
    (tmp_path / "t.csv").write_text(HEAD + "\n".join(lines))
    table = read_table(tmp_path / "t.csv")
    assert set(table.refused) == {MaskSet("b", "v", 0.9)}
    assert MaskSet("b", "v", 0.9) not in table.quality
    assert len(table.quality) == 4


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("x,1,a/b/0.9/w.smtx,,4,4,few", ":2: "),
        ("x,nan,a/b/0.9/w.smtx,,4,4,1", ":2: quality"),
        ("x,1,w.smtx,,4,4,1", ":2: "),
    ],
)
def test_damaged_tables_are_refused(tmp_path: Path, line: str, words: str) -> None:
    (tmp_path / "t.csv").write_text(HEAD + line)
    with pytest.raises(DataError, match=words):
        read_table(tmp_path / "t.csv")


def test_command(folder: Path, totals, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(table_text(totals))
    out = tmp_path / "out"
    command = ["paper", "--masks", str(folder), "--quality", str(tmp_path / "table.csv"),
               "--exact-planes", "1", "-o", str(out), "--csv"]  # fmt: skip
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert len(rows) == len(layer_rows(totals)) == 3 * (2 * len(DECODERS) + 1)
    text = (out / "report.md").read_text()
    assert "Rows, columns and kept weights of all 3 layers are those of the table." in text
    assert "values are not published and are synthetic" in text
    for one in totals:
        for variant in VARIANTS[:3]:
            assert f"{100 * one.efficiency(variant):.4g}" in text
    for name in ("unmatched", "sizes", "quality_net"):
        assert (out / "figures" / f"{name}.png").exists()
    again = CliRunner().invoke(app, command)
    assert (again.stdout, (out / "report.md").read_text()) == (result.stdout, text)


@pytest.mark.parametrize(
    "options",
    [
        ["--quality", "x.csv"],
        ["--exact-planes", "2"],
        ["--exact-every", "2"],
        ["--masks", ".", "--quick"],
    ],
)
def test_options_that_do_not_go_together(tmp_path: Path, options: list[str]) -> None:
    result = CliRunner().invoke(app, ["paper", *options, "-o", str(tmp_path / "out")])
    assert isinstance(result.exception, InputError)
    assert not (tmp_path / "out").exists()
