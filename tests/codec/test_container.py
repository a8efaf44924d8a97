"""The container: exact, partial, reproducible, and never a wrong weight after damage."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file

from f2fsim.codec import FORMATS, WEIGHT_TYPES, PrunedTensor, weight_format
from f2fsim.codec.container import Container, StoredTensor, store, write_container
from f2fsim.codec.container_packs import PACK_BYTES, PackDigests, digest, pack_spans
from f2fsim.errors import DataError, F2fsimError, InputError


def make_tensor(name, shape=(12, 20), kind="int8", seed=0):
    rng = np.random.default_rng(seed)
    weight_type = WEIGHT_TYPES[kind]
    mask = rng.random(shape) < 0.25
    # Two of four at most, so that every format takes it.
    groups = mask.reshape(shape[0], -1, 4)
    groups &= np.cumsum(groups, axis=2) <= 2
    patterns = rng.integers(0, 1 << weight_type.n_bits, shape).astype(weight_type.pattern_dtype)
    patterns[~mask] = 0
    return PrunedTensor(name, patterns, mask, weight_type)


def write_all(path):
    """One tensor in every format, integers with a scale; returns the tensors by name."""
    tensors, stored = {}, []
    for i, name in enumerate(sorted(FORMATS)):
        kind = "int8" if i % 2 else "fp32"
        tensor = make_tensor(f"layer/{name}", kind=kind, seed=i)
        scale = np.linspace(0.5, 1.5, 12).astype(np.float32) if i % 2 else None
        tensors[tensor.name] = tensor
        stored.append(store(tensor, weight_format(name).encode(tensor), (12, 5, 2, 2), scale))
    write_container(path, stored)
    return tensors


def assert_equal(tensor, expected):
    np.testing.assert_array_equal(tensor.patterns, expected.patterns)
    np.testing.assert_array_equal(tensor.mask, expected.mask)
    assert tensor.weight_type == expected.weight_type


def test_round_trip_of_every_format(tmp_path):
    path = tmp_path / "model.f2f.safetensors"
    tensors = write_all(path)
    container = Container(path)
    assert container.names() == list(tensors)
    for name, tensor in tensors.items():
        item = container.read(name)
        assert_equal(item.decode(), tensor)
        assert item.source_shape == (12, 5, 2, 2)
        assert (item.scale is None) == tensor.weight_type.is_float


def test_it_is_a_safetensors_file_and_reproducible(tmp_path):
    first, second = tmp_path / "a.f2f.safetensors", tmp_path / "b.f2f.safetensors"
    write_all(first)
    write_all(second)
    assert first.read_bytes() == second.read_bytes()
    arrays = load_file(first)
    assert sorted(arrays) == ["streams", "table"]
    container = Container(first)
    n_streams = sum(container.size().tensor_bytes.values())
    assert arrays["streams"].nbytes == n_streams
    dense = container.read("layer/dense").encoded.streams["weights"].data
    assert dense.tobytes() in arrays["streams"].tobytes()
    assert {p.name for p in tmp_path.iterdir()} == {first.name, second.name}


def test_partial_read_touches_only_its_pack(tmp_path):
    path = tmp_path / "c.f2f.safetensors"
    tensors = [make_tensor("a", (40, 60)), make_tensor("b", (90, 60)), make_tensor("c", (3, 4))]
    write_container(path, [store(t, weight_format("dense").encode(t)) for t in tensors])
    data = bytearray(path.read_bytes())
    data[-1] ^= 1  # c's; a and b share the first pack
    path.write_bytes(data)
    container = Container(path)
    for tensor in tensors[:2]:
        assert_equal(container.read(tensor.name).decode(), tensor)
    with pytest.raises(DataError, match="the streams of tensor 'c' are damaged"):
        container.read("c")


@given(sizes=st.lists(st.integers(0, 9000), max_size=30))
def test_packs_are_what_holds_4096_bytes(sizes):
    spans = pack_spans(sizes)
    digests = PackDigests()
    at, sums = 0, {}
    for span, size in zip(spans, sizes, strict=True):
        assert span.begin + span.offset == at
        assert span.offset + size <= span.n_bytes
        at += size
        sums[span.number] = sums.get(span.number, 0) + size
        digests.add(bytes(size))
    assert list(sums) == list(range(len(sums)))
    assert all(n >= 4096 for n in list(sums.values())[:-1])
    assert {span.number: span.n_bytes for span in spans} == sums
    assert digests.digests() == [digest(bytes(n)) for n in sums.values()]


def mutate(data, rng, spans):
    """One damage: flipped bits, a cut or longer tail, two swapped streams."""
    kind = rng.integers(0, 10)
    if kind < 6:
        out = bytearray(data)
        for at in rng.integers(0, len(data) * 8, 1 if kind < 5 else 5):
            out[at // 8] ^= 1 << (at % 8)
        return bytes(out)
    if kind == 6:
        return data[: rng.integers(0, len(data))]
    if kind == 7:
        return data + rng.bytes(int(rng.integers(1, 9)))
    (a, b), (c, d) = (spans[i] for i in sorted(rng.choice(len(spans), 2, replace=False)))
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


@pytest.mark.parametrize("n", [2_500, pytest.param(10_000, marks=pytest.mark.slow)])
def test_mutations_never_give_a_wrong_weight(tmp_path, n):
    path = tmp_path / "m.f2f.safetensors"
    # Each fills a pack, so that damage of one leaves the other.
    tensor = make_tensor("t", (48, 232))
    others = make_tensor("u", (48, 180), "fp16", seed=5)
    coded = {"n_out": 24, "n_s": 2, "value_code": "classes"}
    formats = (weight_format("f2f", coded), weight_format("huffman"))
    stored = [store(x, f.encode(x)) for x, f in zip((tensor, others), formats, strict=True)]
    scale = np.ones(48, dtype=np.float32)
    stored[0] = StoredTensor(stored[0].encoded, (48, 232), scale, stored[0].content_crc32)
    size = write_container(path, stored)
    data = path.read_bytes()
    first = size.tensor_bytes["t"]
    assert min(size.tensor_bytes.values()) >= PACK_BYTES
    # The table's head and checksums, the scale, streams of both.
    edges = [200, 300, 500, size.header_bytes, size.header_bytes + 192, size.header_bytes + 1000]
    edges += [size.header_bytes + first, size.header_bytes + first + 1500, len(data)]
    spans = list(itertools.pairwise(edges))
    rng = np.random.default_rng(7)
    refused = exact = 0
    damaged = tmp_path / "d.f2f.safetensors"
    for _ in range(n):
        changed = mutate(data, rng, spans)
        damaged.write_bytes(changed)
        try:
            container = Container(damaged)
        except DataError:
            refused += 1
            continue
        for expected in (tensor, others):
            try:
                item = container.read(expected.name)
                decoded = item.decode()
            except DataError:
                refused += 1
                continue
            exact += 1
            assert_equal(decoded, expected)
            assert item.scale is None or np.array_equal(item.scale, scale)
    # Damage of one tensor's streams leaves the other one readable.
    assert refused > 0.9 * n
    assert exact > 0.01 * n


def test_bad_files_are_refused(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        Container(tmp_path / "none.f2f.safetensors")
    with pytest.raises(DataError, match="is a folder"):
        Container(tmp_path)
    plain = tmp_path / "plain.safetensors"
    header = b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
    plain.write_bytes(len(header).to_bytes(8, "little") + header + b"x")
    with pytest.raises(DataError, match="not a container"):
        Container(plain)
    twice = b'{"a":1,"a":2}'
    plain.write_bytes(len(twice).to_bytes(8, "little") + twice)
    with pytest.raises(DataError, match="not valid JSON"):
        Container(plain)
    deep = b"[" * 100_000
    plain.write_bytes(len(deep).to_bytes(8, "little") + deep)
    with pytest.raises(DataError):
        Container(plain)


def test_newer_version_is_named(tmp_path):
    path = tmp_path / "v.f2f.safetensors"
    write_all(path)
    path.write_bytes(path.read_bytes().replace(b'f2fsim.version":"2"', b'f2fsim.version":"9"'))
    with pytest.raises(DataError, match="version '9'; this program reads 2"):
        Container(path)


def test_names_must_differ_and_near_names_are_suggested(tmp_path):
    tensor = make_tensor("conv1")
    item = store(tensor, weight_format("dense").encode(tensor))
    with pytest.raises(InputError, match="two tensors are called 'conv1'"):
        write_container(tmp_path / "x.f2f.safetensors", [item, item])
    assert not list(tmp_path.iterdir())
    write_container(tmp_path / "x.f2f.safetensors", [item])
    with pytest.raises(DataError, match="did you mean 'conv1'"):
        Container(tmp_path / "x.f2f.safetensors").read("conv2")
    with pytest.raises(InputError, match="has not 240 weights"):
        store(tensor, item.encoded, (3, 3))


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.f2f.safetensors"
    tensor = make_tensor("a")
    item = store(tensor, weight_format("dense").encode(tensor))
    write_container(path, [item])
    before = path.read_bytes()

    def broken():
        yield item
        raise F2fsimError("interrupted")

    with pytest.raises(F2fsimError):
        write_container(path, broken())
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_a_wrong_decoder_is_noticed(tmp_path):
    tensor, other = make_tensor("a"), make_tensor("a", seed=9)
    item = StoredTensor(
        weight_format("dense").encode(other),
        (12, 20),
        None,
        store(tensor, weight_format("dense").encode(tensor)).content_crc32,
    )
    write_container(tmp_path / "x.f2f.safetensors", [item])
    with pytest.raises(DataError, match="does not decode to what was encoded"):
        Container(tmp_path / "x.f2f.safetensors").read("a").decode()
