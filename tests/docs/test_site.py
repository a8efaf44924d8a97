"""The pages: every block runs, every link leads somewhere, the reference has every name and key."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path

import pytest

import f2fsim
from f2fsim.config.schema import file_schemas
from f2fsim.report.notebook import FIGURES

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs" / "site"))

from blocks import (  # noqa: E402
    PAGES_VARIABLE,
    Runner,
    blocks,
    commands,
    run_page,
    shown_page,
    with_output,
)
from pages import (  # noqa: E402
    CLASSES,
    GALLERY,
    cli_page,
    generated_pages,
    kind_of_figure,
    python_page,
    yaml_page,
)
from readme import END, START, with_verdicts  # noqa: E402

PAGES = sorted(
    page
    for folder in ("tutorials", "how-to", "explanation", ".")
    for page in (ROOT / "docs" / folder).glob("*.md")
    if folder != "." or page.name == "index.md"
)


@pytest.mark.weights
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    run_page(page.read_text(encoding="utf-8"), tmp_path)


@pytest.mark.slow
@pytest.mark.weights
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_slow_blocks_too(page: Path, tmp_path: Path) -> None:
    found = blocks(page.read_text(encoding="utf-8"))
    if not any(block.mark == "slow" for block in found):
        pytest.skip("no slow block")
    runner = Runner(tmp_path, slow=True)
    for block in found:
        runner.run(block)


def test_there_are_blocks_to_run() -> None:
    found = [block for page in PAGES for block in blocks(page.read_text(encoding="utf-8"))]
    assert sum(len(commands(block.code)) for block in found if block.kind == "console") > 25
    assert sum(block.kind == "python" for block in found) >= 4


def test_a_failing_command_is_seen(tmp_path: Path) -> None:
    text = "```console\n$ f2fsim simulate f2f_edge nothing_like_it\n```\n"
    with pytest.raises(RuntimeError, match="exit status 2"):
        with_output(text, tmp_path)


def test_output_stands_below_its_block(tmp_path: Path) -> None:
    text = "<!-- file a.txt -->\n```text\nhello\n```\n\n```console\n$ cat a.txt\n```\nafter\n"
    assert "```text\nhello\n```\nafter" in with_output(text, tmp_path)


def test_the_site_shows_what_the_tests_ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "```console\n$ echo run >> ../runs; wc -l < ../runs\n```\n"
    assert "\n1\n" in shown_page(text, tmp_path / "a")  # no place is named
    monkeypatch.setenv(PAGES_VARIABLE, str(tmp_path / "pages"))
    run_page(text, tmp_path / "a")
    assert "\n2\n" in shown_page(text, tmp_path / "a")
    assert "\n3\n" in shown_page(text + "changed\n", tmp_path / "a")
    run_page(text, tmp_path / "a")  # a test runs it whatever was kept
    assert "\n4\n" in shown_page(text, tmp_path / "a")


@pytest.mark.weights
def test_the_notebook_runs(tmp_path: Path) -> None:
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    book = nbformat.read(ROOT / "docs" / "tutorials" / "notebook.ipynb", as_version=4)
    nbclient.NotebookClient(
        book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    outputs = [out for cell in book.cells if cell.cell_type == "code" for out in cell.outputs]
    kinds = {kind for out in outputs for kind in out.get("data", {})}
    assert {"text/html", "image/png", "text/plain"} <= kinds


def test_the_notebook_is_shown_with_its_outputs() -> None:
    book = json.loads((ROOT / "docs" / "tutorials" / "notebook.ipynb").read_text("utf-8"))
    code = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    assert sum(bool(cell["outputs"]) for cell in code) >= len(code) - 1


def anchors(text: str) -> set[str]:
    found = set()
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        words = re.sub(r"[^\w\s-]", "", heading.lower()).strip()
        found.add(re.sub(r"\s+", "-", words))
    return found


def test_links_lead_somewhere() -> None:
    generated = generated_pages(ROOT)
    for page in [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]:
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            if link.startswith(("http:", "https:", "#")):
                continue
            name, _, anchor = link.partition("#")
            target = (page.parent / name).resolve()
            inside = target.relative_to(ROOT / "docs").as_posix() if "docs" in target.parts else ""
            assert target.exists() or inside in generated, f"{page.name}: {link}"
            if anchor and target.suffix == ".md":
                there = generated.get(inside) or target.read_text(encoding="utf-8")
                assert anchor in anchors(there), f"{page.name}: {link}"


def test_every_public_name_is_in_the_reference() -> None:
    text = python_page()
    for name in f2fsim.__all__:
        assert name.startswith("__") or f"## f2fsim.{name} " in text


def test_every_key_is_in_the_reference() -> None:
    text = yaml_page()
    for kind, make in file_schemas().items():
        if kind == "results":
            continue
        schema = make()
        for model in [schema, *schema.get("$defs", {}).values()]:
            for key in model.get("properties", {}):
                assert f"| `{key}` |" in text, f"{kind}: {key}"


def test_every_command_is_in_the_reference() -> None:
    text = cli_page()
    for name in ("simulate", "compare", "what-if", "sweep", "dram import", "store best"):
        assert f"## f2fsim {name}\n" in text


def test_the_gallery_shows_what_is_there() -> None:
    for name, _, command in GALLERY:
        assert (ROOT / "reports" / name).is_file(), name
        assert command


def test_the_gallery_has_every_kind_of_figure() -> None:
    shown = {kind_of_figure(name) for name, _, _ in GALLERY}
    drawn = {kind_of_figure(path.name) for path in (ROOT / "reports").rglob("*.svg")}
    assert drawn <= shown
    assert set(FIGURES) <= shown


def test_verdicts_of_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert START in text
    verdicts = text.partition(START)[2].partition(END)[0].strip().split("\n\n")
    assert len(verdicts) == 2
    for verdict in verdicts:
        lines = [line.removeprefix("    ") for line in verdict.splitlines()]
        assert len(lines) <= 12
        assert max(map(len, lines)) <= 80
    assert with_verdicts(with_verdicts(text, ["a\nb"]), ["c"]) == with_verdicts(text, ["c"])


def test_classes_of_the_python_reference_exist() -> None:
    for name in CLASSES:
        module, _, own = name.rpartition(".")
        assert isinstance(getattr(importlib.import_module(module), own), type)
