"""Names of shipped files: forgiven where no two are meant, with a near-miss otherwise."""

from __future__ import annotations

import pytest

from f2fsim import shipped
from f2fsim.config import load_workload
from f2fsim.config.arch import load_arch
from f2fsim.config.dram_preset import load_dram
from f2fsim.config.front_end import F2fFrontEnd
from f2fsim.errors import ConfigError

KNOWN = ["ddr4_2400", "ddr4_3200", "lpddr5_6400", "silero_vad", "llama7b.decode"]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("ddr4_2400", "ddr4_2400"),
        ("DDR4-2400", "ddr4_2400"),
        ("LPDDR5_6400", "lpddr5_6400"),
        ("Silero-VAD", "silero_vad"),
        ("llama7b-decode", "llama7b.decode"),
        ("ddr4", None),
        ("", None),
    ],
)
def test_case_and_separators_are_forgiven(given: str, found: str | None) -> None:
    assert shipped.find(given, KNOWN) == found


def test_two_that_are_alike_are_not_guessed() -> None:
    assert shipped.find("A-B", ["a_b", "ab"]) is None
    assert shipped.find("ab", ["a_b", "ab"]) == "ab"


@pytest.mark.parametrize(
    ("given", "near"),
    [("DDR4-2401", "ddr4_2400"), ("lpddr5", "lpddr5_6400"), ("silro", "silero_vad"), ("xyz", "")],
)
def test_near_misses(given: str, near: str) -> None:
    text = shipped.near(given, KNOWN)
    assert text == (f" (did you mean {near!r}?)" if near else "")


def test_every_shipped_name_is_told_apart() -> None:
    for kind, sub in (("arch_configs", ""), ("workloads", ""), ("arch_configs", "dram")):
        known = shipped.names(kind, sub)
        for name in known:
            assert shipped.find(name.upper().replace("_", "-"), known) == name


def test_a_workload_by_another_spelling() -> None:
    assert load_workload("Silero-VAD").name == "silero_vad"
    with pytest.raises(ConfigError, match=r"did you mean 'silero_vad'\?"):
        load_workload("silero")


def test_an_architecture_in_place_of_a_workload() -> None:
    with pytest.raises(ConfigError, match="it is an architecture"):
        load_workload("f2f_edge")
    with pytest.raises(ConfigError, match="is an architecture, a workload is needed"):
        load_workload(shipped.names("arch_configs")["f2f_edge"])


def test_layers_by_pattern() -> None:
    workload = load_workload("silero_vad")
    found = workload.with_overrides(layers=["conv[12]", "lstm_cell"])
    assert [layer.name for layer in found.layers] == ["conv1", "conv2", "lstm_cell"]


def test_names_of_machines_and_memories() -> None:
    assert load_arch("F2F-Edge").name == "f2f_edge"
    assert load_dram("DDR4-2400") == load_dram("ddr4_2400")
    assert load_arch("f2f_edge").with_values({"memory.preset": "LPDDR5-6400"}).dram().name
    with pytest.raises(ConfigError, match="it is a workload"):
        load_arch("opennsfw")
    with pytest.raises(ConfigError, match="is a workload, an architecture is needed"):
        load_arch(shipped.names("workloads")["opennsfw"])
    with pytest.raises(ConfigError, match=r"no DRAM preset 'ddr5'.*shipped"):
        load_dram("ddr5")


def test_a_machine_written_without_outputs_matches_them() -> None:
    """The bare decoder would drown a dense layer in patches."""
    arch = load_arch("f2f_edge")
    data = arch.model_dump(mode="json")
    del data["front_end"]["outputs"]
    assert F2fFrontEnd.model_validate(data["front_end"]).outputs == "matched"
