"""Evenness: what means the same is spelled the same in every command, with its unit and default."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from f2fsim.cli import console
from f2fsim.cli.main import app


def commands(command: Any, name: str = "f2fsim") -> Iterator[tuple[str, Any]]:
    if hasattr(command, "commands"):
        yield name, command
        for sub, one in command.commands.items():
            yield from commands(one, f"{name} {sub}")
    else:
        yield name, command


COMMANDS = dict(commands(typer.main.get_command(app)))
LEAVES = {name: one for name, one in COMMANDS.items() if not hasattr(one, "commands")}


def options(command: Any) -> dict[str, Any]:
    return {
        flag: one for one in command.params if one.param_type_name == "option" for flag in one.opts
    }


#: Commands that run or read a workload, and which of the shared options cannot mean anything there.
WORKLOAD_COMMANDS = {
    "f2fsim simulate": set(),
    "f2fsim compare": set(),
    "f2fsim what-if": set(),
    "f2fsim tokens": {"--layer"},  # a whole network makes a token
    "f2fsim sweep": set(),
    "f2fsim search": set(),
    "f2fsim duel": set(),
    "f2fsim workload show": {"--seed"},  # shapes have none
    "f2fsim workload stats": {"--batch"},  # masks do not depend on it
    "f2fsim rtl": {"--batch", "--seed"},  # its --seed is that of the gaps
}


@pytest.mark.parametrize("name", WORKLOAD_COMMANDS)
def test_conditions_of_a_workload_are_options_everywhere(name: str) -> None:
    wanted = {"--sparsity", "--weight-type", "--batch", "--seed", "--layer"}
    have = set(options(LEAVES[name]))
    assert wanted - WORKLOAD_COMMANDS[name] <= have


@pytest.mark.parametrize("name", LEAVES)
def test_each_option_names_its_unit_and_default(name: str) -> None:
    for flag, option in options(LEAVES[name]).items():
        assert option.help, flag
        if option.is_flag or flag == "--help":
            continue
        metavar = option.metavar or ""
        assert metavar not in ("", "INTEGER", "FLOAT", "TEXT", "PATH"), f"{name} {flag}"
        if option.default is None or option.default == "":
            told = isinstance(option.show_default, str) or option.required
            assert told, f"{name} {flag}: no default in words"


@pytest.mark.parametrize("name", LEAVES)
def test_each_command_has_an_example(name: str) -> None:
    assert "f2fsim " in (LEAVES[name].help or "").replace("[bold]", "")


@pytest.mark.parametrize("name", LEAVES)
def test_what_prints_a_table_prints_json_and_csv(name: str) -> None:
    have = options(LEAVES[name])
    assert ("--csv" in have) <= ("--json" in have)
    for flag in ("--json", "--csv", "--quiet"):
        if flag in have:
            assert have[flag].help == options(LEAVES["f2fsim compare"])[flag].help


def test_one_spelling_of_an_option() -> None:
    """The same flag has the same words, wherever a shared definition could serve."""
    shared = ("--sparsity", "--batch", "--layer", "--workers", "--dask")
    for flag in shared:
        found = {
            options(one)[flag].help
            for name, one in LEAVES.items()
            if flag in options(one) and name not in ("f2fsim encode", "f2fsim rtl")
        }
        assert len(found) == 1, flag


def headings(capsys: pytest.CaptureFixture[str], **row: object) -> str:
    console.print_rows([row])
    return capsys.readouterr().out


def test_headings_are_units(capsys: pytest.CaptureFixture[str]) -> None:
    out = headings(capsys, name="a", bandwidth_gb_s=1.0, time_us=2.0, gmac_s=3.0, dram_bytes=4)
    for unit in ("[GB/s]", "[us]", "[GMAC/s]", "[B]"):
        assert unit in out
    assert "gb s" not in out


@pytest.mark.parametrize(("columns", "tables"), [("200", 1), ("80", 2), ("", 2)])
def test_a_piped_table_takes_the_width_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str, tables: int
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    out = headings(capsys, first="x" * 20, **{f"column_{i}": "y" * 12 for i in range(8)})
    assert out.count("x" * 20) == tables
    assert max(map(len, out.splitlines())) <= int(columns or 80)


def test_the_option_goes_before_the_variable(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as stop:
        app(["--width", "180", "dram", "list"])
    monkeypatch.setattr(console.WIDTH, "columns", None)
    assert stop.value.code == 0
    assert 80 < max(map(len, capsys.readouterr().out.splitlines())) <= 180


def test_csv_and_json_of_the_sweep_take_conditions(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = (
        "sweep --arch dense_edge --workload silero_vad --layer conv3 --sparsity 0.5 --batch 2 "
        "--weight-type fp16 --seed 7 --axis pe_array.weights_per_cycle=128,256 -j 1 --json"
    )
    with pytest.raises(SystemExit) as stop:
        app(arguments.split())
    assert stop.value.code == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 2
    for row in rows:
        given = (row["sparsity"], row["batch"], row["weight_type"], row["seed"])
        assert given == (0.5, 2, "fp16", 7)
