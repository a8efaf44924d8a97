"""The cache of encodings: bounded, safe under several processes, and never in the way of a run."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from f2fsim.codec import EncodedTensor, PrunedTensor, weight_format, weight_type
from f2fsim.errors import InputError
from f2fsim.pipeline import cache as module
from f2fsim.pipeline.cache import EncodingCache

F2F = weight_format("f2f", {"n_in": 8, "n_out": 40, "n_s": 3})


def tensor(seed: int) -> PrunedTensor:
    rng = np.random.default_rng(seed)
    mask = rng.random((64, 200)) < 0.2
    patterns = (rng.integers(0, 256, mask.shape) * mask).astype(np.uint8)
    return PrunedTensor(f"t{seed}", patterns, mask, weight_type("int8"))


def same(one: EncodedTensor, two: EncodedTensor) -> bool:
    streams = all(
        np.array_equal(one.streams[name].data, two.streams[name].data) for name in one.streams
    )
    work = all(
        np.array_equal(one.work.stream_bits[name], two.work.stream_bits[name])
        for name in one.work.stream_bits
    )
    return streams and work and dict(one.params) == dict(two.params)


@pytest.fixture(autouse=True)
def _new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WRITTEN_BYTES", {})


def run_python(text: str, folder: Path) -> subprocess.Popen[str]:
    """Start a process that has `tensor`, F2F and a small cache at hand."""
    head = f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from pathlib import Path
        from f2fsim.pipeline.cache import EncodingCache
        from test_cache import F2F, same, tensor
        folder = Path({str(folder)!r})
    """
    code = textwrap.dedent(head) + textwrap.dedent(text)
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_what_was_encoded_is_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = EncodingCache(tmp_path)
    first = cache.encode(F2F, tensor(1))
    monkeypatch.setattr(type(F2F), "encode", None)  # may not be called again
    assert same(cache.encode(F2F, tensor(1)), first)
    with pytest.raises(TypeError):
        cache.encode(F2F, tensor(2))


def test_two_processes_share_a_small_cache(tmp_path: Path) -> None:
    """Both write, read and evict the same entries at once; every answer is right."""
    size = _entry_bytes(tmp_path / "one")
    folder = tmp_path / "shared"
    text = f"""
        cache = EncodingCache(folder, {4 * size})
        for turn in range(6):
            for seed in range(6):
                assert same(cache.encode(F2F, tensor(seed)), F2F.encode(tensor(seed))), seed
        print("right")
    """
    processes = [run_python(text, folder) for _ in range(2)]
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert (process.returncode, out) == (0, "right\n"), err
    info = EncodingCache(folder, 4 * size).info()
    assert 0 < info.n_bytes <= 5 * size
    assert not list(folder.glob(".*"))


def test_short_runs_fill_no_more_than_the_bound(tmp_path: Path) -> None:
    """Each process writes far less than the cache holds; together they would pass the bound."""
    size = _entry_bytes(tmp_path / "one")
    folder = tmp_path / "cache"
    for seed in range(8):
        module._WRITTEN_BYTES.clear()  # as a new process has it
        EncodingCache(folder, 3 * size).encode(F2F, tensor(seed))
        assert EncodingCache(folder).info().n_bytes <= 3 * size


def test_the_entry_unused_for_longest_goes_first(tmp_path: Path) -> None:
    size = _entry_bytes(tmp_path / "one")
    cache = EncodingCache(tmp_path / "cache", 3 * size)
    for seed in range(2):
        cache.encode(F2F, tensor(seed))
    paths = [cache._path(F2F, tensor(seed)) for seed in range(3)]
    for path, age in zip(paths[:2], (100, 200), strict=True):
        os.utime(path, (time.time() - age, time.time() - age))
    cache.encode(F2F, tensor(1))  # used again: entry 0 is the older one now
    small = EncodingCache(cache.folder, 2 * size + size // 2)
    module._WRITTEN_BYTES.clear()
    small.encode(F2F, tensor(2))
    assert [path.exists() for path in paths] == [False, True, True]


def test_a_full_disk_does_not_break_a_run(tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk: the write fails half-way."""
    text = """
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        cache = EncodingCache(folder)
        assert same(cache.encode(F2F, tensor(1)), F2F.encode(tensor(1)))
        print(cache.info().n_entries, list(folder.iterdir()))
    """
    out, err = run_python(text, tmp_path / "cache").communicate(timeout=60)
    assert out == "0 []\n", err


def test_a_folder_that_cannot_be_made_does_not_break_a_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = EncodingCache(tmp_path / "file" / "cache")
    assert same(cache.encode(F2F, tensor(1)), F2F.encode(tensor(1)))
    assert cache.info().n_entries == 0
    assert cache.clear() == 0


def test_a_read_only_folder_is_read_and_not_written() -> None:
    """In a process without root's rights, which would write to it all the same."""
    text = """
        import os
        cache = EncodingCache(folder)
        for _ in range(2):  # the second reads it: Python loads all that this needs
            cache.encode(F2F, tensor(1))
        folder.chmod(0o555)
        folder.parent.chmod(0o755)
        if os.geteuid() == 0:
            os.seteuid(65534)
        for seed in (1, 2):
            assert same(cache.encode(F2F, tensor(seed)), F2F.encode(tensor(seed)))
        assert not os.access(folder, os.W_OK, effective_ids=True)
        print(cache.info().n_entries)
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "cache"
        out, err = run_python(text, folder).communicate(timeout=60)
        folder.chmod(0o755)
    assert out == "1\n", err


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.99])
def test_a_cut_entry_counts_as_missing(tmp_path: Path, keep: float) -> None:
    cache = EncodingCache(tmp_path)
    first = cache.encode(F2F, tensor(1))
    (path,) = tmp_path.glob(f"*{module.ENDING}")
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data)) if keep < 1 else int(keep)])
    assert same(cache.encode(F2F, tensor(1)), first)
    assert path.read_bytes() == data


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_lies_at_an_entry_s_name_is_replaced(tmp_path: Path, kind: str) -> None:
    """Names of entries can be foreseen: no link there is written through, no pipe waited on."""
    cache = EncodingCache(tmp_path / "cache")
    first = cache.encode(F2F, tensor(1))
    (entry,) = (tmp_path / "cache").glob(f"*{module.ENDING}")
    victim = tmp_path / "victim"
    victim.write_text("mine")
    entry.unlink()
    if kind == "link":
        entry.symlink_to(victim)
    else:
        os.mkfifo(entry)
    assert same(cache.encode(F2F, tensor(1)), first)
    assert victim.read_text() == "mine"
    assert entry.is_file()
    assert not entry.is_symlink()


def test_entries_left_half_written_are_removed(tmp_path: Path) -> None:
    cache = EncodingCache(tmp_path)
    old, young = tmp_path / f".old.1.part{module.ENDING}", tmp_path / f".new.2.part{module.ENDING}"
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    cache.encode(F2F, tensor(1))
    assert cache.info().n_entries == 1
    assert [old.exists(), young.exists()] == [False, True]
    assert cache.clear() == 1
    assert list(tmp_path.iterdir()) == []


def test_the_environment_says_where_and_how_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("F2FSIM_CACHE_DIR", "somewhere")
    monkeypatch.setenv("F2FSIM_CACHE_BYTES", "1000")
    assert EncodingCache.default() == EncodingCache(Path("somewhere"), 1000)
    monkeypatch.setenv("F2FSIM_CACHE_DIR", "off")
    assert EncodingCache.default() is None
    monkeypatch.setenv("F2FSIM_CACHE_DIR", "")
    monkeypatch.setenv("F2FSIM_CACHE_BYTES", "1 GB")
    with pytest.raises(InputError, match="must be a number of bytes, got '1 GB'"):
        EncodingCache.default()


def _entry_bytes(folder: Path) -> int:
    cache = EncodingCache(folder)
    cache.encode(F2F, tensor(0))
    return cache.info().n_bytes
