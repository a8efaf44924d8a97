"""Files are written whole or not at all; links and devices stay what they are."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from f2fsim.errors import InputError
from f2fsim.whole_file import check_file, check_folder, refuse_pipe, whole_file


@pytest.mark.parametrize("durable", [False, True])
def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "deep" / "x.csv"
    path.parent.mkdir()
    path.write_text("old")
    with whole_file(path, durable=durable) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
        assert partial.suffix == ".csv", "writers choose a format by it"
    assert path.read_text() == "new"
    assert [one.name for one in path.parent.iterdir()] == ["x.csv"]


def test_a_failure_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("old")

    def half() -> None:
        with whole_file(path) as partial:
            partial.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["x"]


def test_an_error_names_the_file_and_not_its_neighbour(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left") as caught, whole_file(tmp_path / "x"):
        raise OSError(28, "No space left on device")
    assert caught.value.filename == str(tmp_path / "x")


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    with whole_file(tmp_path / "link") as partial:
        partial.write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with whole_file(tmp_path / "pipe") as given:
        assert given == tmp_path / "pipe"
    assert (tmp_path / "pipe").is_fifo()


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"), whole_file(tmp_path):
        pass


@pytest.mark.parametrize("name", ["file", "file/below", "link"])
def test_folders_that_cannot_be(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(InputError, match=r"--out: .*a folder is needed"):
        check_folder(tmp_path / name, "--out")
    check_folder(tmp_path / "new" / "deeper", "--out")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["file/below/x", "x" * 300])
def test_a_file_that_cannot_be_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="cannot be written"), whole_file(tmp_path / name) as part:
        part.write_text("x")
    with pytest.raises(InputError, match=r"^--out: "):
        check_file(tmp_path / name, "--out")
    check_file(tmp_path / "new" / "x", "--out")
    check_file(tmp_path / "file", "--out")
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(("reason", "kind"), [("ENOSPC", OSError), ("EROFS", InputError)])
def test_a_full_disk_is_no_fault_of_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str, kind: type[Exception]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        number = getattr(errno, reason)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(kind), whole_file(tmp_path / "deep" / "x"):
        pass


def test_a_neighbour_is_new_and_no_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link at the neighbour's name, were it foreseen, is not written through."""
    monkeypatch.setattr("secrets.token_hex", lambda n: "0" * 2 * n)
    victim = tmp_path / "victim"
    victim.write_text("mine")
    foreseen = tmp_path / f".x.{os.getpid()}-{'0' * 16}.part"
    foreseen.symlink_to(victim)
    with pytest.raises(InputError, match="File exists"), whole_file(tmp_path / "x") as partial:
        partial.write_text("written")
    assert victim.read_text() == "mine"
    assert not (tmp_path / "x").exists()


def test_names_of_neighbours_differ(tmp_path: Path) -> None:
    with whole_file(tmp_path / "x") as one, whole_file(tmp_path / "x") as other:
        assert one != other


def test_a_long_name_has_a_neighbour(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 240 + ".csv")
    with whole_file(path) as partial:
        partial.write_text("new")
    assert path.read_text() == "new"


@pytest.mark.parametrize("kind", ["link", "broken link", "pipe"])
def test_what_is_not_followed_is_replaced(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x"
    (tmp_path / "victim").write_text("mine")
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(tmp_path / ("victim" if kind == "link" else "none"))
    with whole_file(path, follow=False) as partial:
        partial.write_text("new")
    assert path.read_text() == "new"
    assert path.is_file()
    assert not path.is_symlink()
    assert (tmp_path / "victim").read_text() == "mine"
    assert not (tmp_path / "none").exists()


def test_pipes_are_refused_and_files_are_not(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="is a pipe or socket, a file is needed"):
        refuse_pipe(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    with pytest.raises(InputError, match="is a pipe"):
        refuse_pipe(tmp_path / "link")
    refuse_pipe(tmp_path)
    refuse_pipe(tmp_path / "missing")
