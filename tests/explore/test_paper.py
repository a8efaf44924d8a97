"""The study of encoders: its numbers against a direct count, its tables, its command."""

import csv
import io

import numpy as np
import pytest
from typer.testing import CliRunner

from f2fsim.cli.main import app
from f2fsim.codec import PrunedTensor, weight_format, weight_type
from f2fsim.errors import InputError
from f2fsim.explore.paper import (
    DECODERS,
    NM_OF,
    PaperCase,
    PaperRow,
    _sample,
    paper_cases,
    run_case,
    run_paper,
)
from f2fsim.report.paper_plot import panels
from f2fsim.report.paper_text import decoder_name, paper_csv, paper_markdown

CASE = PaperCase("resnet50", "random", 0.9, "int8", 400, 1)


@pytest.fixture(scope="module")
def rows():
    return run_case(CASE)


def test_one_row_a_decoder_of_the_same_sample(rows):
    assert [(r.encoder, r.n_s, r.order) for r in rows] == list(DECODERS)
    assert {(r.n_weights, r.n_kept, r.n_out) for r in rows} == {(4000, 400, 80)}
    assert all(r.n_care_bits == 8 * 400 for r in rows)


def test_more_registers_match_more_bits(rows):
    unmatched = [r.n_unmatched_bits for r in rows[:3]]
    assert unmatched[0] > unmatched[1] > unmatched[2] > 0


def test_workers_do_not_change_the_rows(rows):
    other = PaperCase("resnet50", "nm", 0.9, "int8", 400, 1)
    assert run_paper([CASE, other], n_workers=2) == rows + run_case(other)


def test_derived_figures_by_hand():
    row = PaperRow(
        "transformer", "synthetic", "random", "int8", 0.9, "viterbi", 2, "row", 80,
        n_weights=1000, n_kept=100, n_care_bits=800, n_unmatched_bits=8,
        value_bits=900, mask_bits=480, weight_bits=8,
    )  # fmt: skip
    assert row.efficiency == 0.99
    assert row.over_entropy == 900 / 800
    assert row.reduction("none") == 1 - 900 / 8000
    assert row.reduction("raw") == 1 - 1900 / 8000
    assert row.reduction("best") == 1 - 1380 / 8000


def test_a_sample_has_the_density_of_the_whole():
    rng = np.random.default_rng(0)
    # Rows from nearly empty to half full.
    mask = rng.random((200, 300)) < np.linspace(0.01, 0.5, 200)[:, None]
    tensor = PrunedTensor("t", mask.astype(np.uint8), mask, weight_type("int8"))
    sample = _sample(tensor, 3200)
    assert sample.shape == (32, 100)
    assert abs(sample.sparsity - tensor.sparsity) < 0.01


def test_nm_has_the_density_of_its_sparsity():
    for sparsity, (n, m) in NM_OF.items():
        assert n / m == pytest.approx(1 - sparsity)


def test_cases_cover_the_study():
    cases = paper_cases()
    assert {c.source for c in cases} == {"transformer", "resnet50", "opennsfw", "silero_vad"}
    assert {c.pruning for c in cases} == {"random", "magnitude", "nm", "row_uneven"}
    assert {c.weight_type for c in cases} == {"fp32", "int8"}
    assert len(cases) == len(set(cases)) == 120


def test_tables_show_the_rows(rows):
    text = paper_markdown(rows, "f2fsim paper", 400)
    for row in rows:
        assert f"{100 * row.efficiency:.2f}" in text
    assert "synthetic weights: random pruning, int8" in text
    table = list(csv.DictReader(io.StringIO(paper_csv(rows))))
    assert [float(r["E_pct"]) for r in table] == [round(100 * r.efficiency, 4) for r in rows]
    (panel,) = panels(rows)
    assert panel.title == "resnet50 (synthetic), random"
    assert panel.curves[decoder_name("viterbi", 2, "row")] == (
        (0.9,),
        (100 * rows[2].efficiency,),
    )


def test_a_row_is_what_the_format_says():
    sample_row = run_case(PaperCase("transformer", "magnitude", 0.8, "int8", 400, 0))[4]
    assert (sample_row.encoder, sample_row.n_s, sample_row.order) == DECODERS[4]
    # A direct encoding of an even mask of that density has an efficiency nearby.
    rng = np.random.default_rng(0)
    mask = rng.random((32, 600)) < 0.2
    patterns = np.where(mask, rng.integers(1, 256, mask.shape), 0).astype(np.uint8)
    params = {"n_in": 8, "n_out": 40, "n_s": 7, "order": "diagonal"}
    direct = weight_format("f2f", params).encode(
        PrunedTensor("t", patterns, mask, weight_type("int8"))
    )
    assert sample_row.efficiency < direct.stats["efficiency"]


@pytest.mark.weights
def test_command(tmp_path):
    result = CliRunner().invoke(app, ["paper", "--quick", "-o", str(tmp_path), "--csv"])
    assert result.exit_code == 0, result.output
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "paper.csv", "paper.md", "paper.png", "paper.svg",
    ]  # fmt: skip
    assert result.stdout == (tmp_path / "paper.csv").read_text()
    assert len(result.stdout.splitlines()) == 81
    text = (tmp_path / "paper.md").read_text()
    assert "`f2fsim paper --quick --seed 0 --blocks 4000`" in text
    assert "trained weights: magnitude pruning" in text


def test_bad_options_are_refused(tmp_path):
    result = CliRunner().invoke(app, ["paper", "--blocks", "3", "-o", str(tmp_path)])
    assert isinstance(result.exception, InputError)
    assert not list(tmp_path.iterdir())
