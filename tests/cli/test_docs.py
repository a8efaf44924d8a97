"""Every command in README and docs is one that the program takes; their Python runs."""

from __future__ import annotations

import contextlib
import re
import shlex
from pathlib import Path

import pytest
import typer.main

import f2fsim
from f2fsim.cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(ROOT.glob("*/*/*.yaml")),
]
#: A command in an indented line, in a comment of a YAML file, or between backticks.
COMMAND = re.compile(r"^(?: {4}|#\s+)(f2fsim .+)$|`(f2fsim [^`]+)`", re.MULTILINE)


def commands() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for match in COMMAND.finditer(page.read_text()):
            text = (match[1] or match[2]).split("#")[0].split("|")[0].split(";")[0].split(" > ")[0]
            if match[2] and (len(text.split()) < 4 or "…" in text):
                continue  # names a command or an option in a sentence
            found.append((page.name, " ".join(text.split())))
    return sorted(set(found))


@pytest.mark.parametrize(("page", "text"), commands())
def test_a_command_of_the_docs_parses(page: str, text: str) -> None:
    words = shlex.split(text)[1:]
    command, context = typer.main.get_command(app), None
    name = "f2fsim"
    with contextlib.ExitStack() as stack:
        while True:
            context = command.make_context(name, list(words), parent=context)
            stack.enter_context(context.scope(cleanup=False))
            if not hasattr(command, "commands"):
                break
            name, command, words = command.resolve_command(
                context,
                [*context._protected_args, *context.args]
                if hasattr(context, "_protected_args")
                else context.args,
            )


def test_there_are_commands_to_check() -> None:
    assert {page for page, _ in commands()} >= {"README.md", "explore.md", "reports.md"}
    assert len(commands()) > 25


def test_the_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    block = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert block is not None
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(block[1].replace('"opennsfw"', '"silero_vad"'), names)  # the same with fewer weights
    assert isinstance(names["result"], f2fsim.results.SimResult)
    assert (tmp_path / "out/report/index.html").is_file()


def test_the_python_of_the_codec_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    block = re.search(r"```python\n(.*?)```", (ROOT / "docs/codec.md").read_text(), re.DOTALL)
    assert block is not None
    exec(block[1], {})
    efficiency, over_entropy, _ = (
        float(line.split()[-1]) for line in capsys.readouterr().out.split("\n")[:3]
    )
    assert efficiency > 0.99
    assert 1 < over_entropy < 1.05


def test_what_the_readme_links_to_exists() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text()):
        assert link.startswith("http") or (ROOT / link).exists(), link
    for name in re.findall(r"`(docs/[\w.]+|reports/[\w./]+)`", (ROOT / "README.md").read_text()):
        assert (ROOT / name).exists(), name


def test_every_name_of_the_package_is_there() -> None:
    for name in f2fsim.__all__:
        assert getattr(f2fsim, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'simulat'"):
        f2fsim.simulat  # noqa: B018
