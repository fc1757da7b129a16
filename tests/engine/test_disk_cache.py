"""The cache on disk: whole entries or none, within its limit, whoever else uses or deletes it."""

import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from studies.engine.disk_cache import DiskCache, Entry

KEYS = [f"{number:02x}" * 32 for number in range(6)]


@pytest.fixture
def cache(tmp_path):
    return DiskCache(tmp_path / "cache", 2**20)


def entry(number, size=8):
    return Entry({"numbers": torch.full((size,), float(number))}, {"number": number})


def files(cache):
    return sorted(path for path in cache.folder.rglob("*") if path.is_file())


def is_found(cache, number):
    found = cache.find(KEYS[number])
    return found is not None and found.facts == {"number": number}


def test_what_is_kept_is_found_bit_for_bit(cache):
    numbers = torch.tensor([float("nan"), -0.0, 1e-45, float("inf")])
    cache.keep(KEYS[0], Entry({"one": numbers, "none": torch.empty(3, 0)}, {"text": "ü"}))

    found = cache.find(KEYS[0])

    assert found.tensors["one"].view(torch.int32).equal(numbers.view(torch.int32))
    assert found.tensors["none"].shape == (3, 0)
    assert found.facts == {"text": "ü"}
    assert cache.find(KEYS[1]) is None


def flipped(path):
    data = bytearray(path.read_bytes())
    data[-3] ^= 4
    path.write_bytes(data)


def retold(path):
    path.write_bytes(path.read_bytes().replace(b'number\\": 0', b'number\\": 7'))


def of_another_key(path):
    other = DiskCache(path.parent.parent, 2**20)
    other.keep(KEYS[1], entry(1))
    shutil.copy(other._path(KEYS[1]), path)


DAMAGES = {
    "a flipped bit": flipped,
    "another fact": retold,
    "the entry of another key": of_another_key,
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-5]),
    "empty": lambda path: path.write_bytes(b""),
    "no such format": lambda path: path.write_bytes(b"<html>" * 20),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_or_foreign_file_counts_as_missing_and_is_replaced(cache, damage):
    cache.keep(KEYS[0], entry(0))
    before = cache._path(KEYS[0]).read_bytes()
    damage(cache._path(KEYS[0]))
    assert cache._path(KEYS[0]).read_bytes() != before

    assert cache.find(KEYS[0]) is None
    cache.keep(KEYS[0], entry(0))
    assert is_found(cache, 0)


def test_those_not_used_for_longest_go_first(cache):
    size = len(entry(0, 1000).tensors["numbers"]) * 4 + 400
    cache = DiskCache(cache.folder, 3 * size)
    now = time.time()
    for number in range(3):
        cache.keep(KEYS[number], entry(number, 1000))
        os.utime(cache._path(KEYS[number]), (now - 90 + number, now - 90 + number))
    assert is_found(cache, 0), "it is used now"

    cache.keep(KEYS[3], entry(3, 1000))

    assert [is_found(cache, number) for number in range(4)] == [True, False, True, True]


def test_what_is_larger_than_the_limit_is_not_kept(cache):
    cache.keep(KEYS[0], entry(0))
    cache.keep(KEYS[1], entry(1, 2**19))
    assert (is_found(cache, 0), is_found(cache, 1)) == (True, False)


def test_it_may_be_deleted_at_any_time(cache):
    cache.keep(KEYS[0], entry(0))
    shutil.rmtree(cache.folder)
    assert cache.find(KEYS[0]) is None
    cache.keep(KEYS[0], entry(0))
    assert is_found(cache, 0)


def test_a_disk_that_takes_nothing_loses_the_entry_alone(tmp_path):
    (tmp_path / "file").write_text("in the way")
    cache = DiskCache(tmp_path / "file", 2**20)
    cache.keep(KEYS[0], entry(0))
    assert cache.find(KEYS[0]) is None


def test_what_a_lost_worker_was_writing_goes_after_a_while(cache):
    cache.keep(KEYS[0], entry(0))
    old, fresh = (cache._path(KEYS[0]).with_name(name) for name in (".old", ".fresh"))
    old.write_text("half")
    fresh.write_text("half")
    os.utime(old, (0, 0))

    cache.keep(KEYS[1], entry(1))

    assert files(cache) == sorted([fresh, cache._path(KEYS[0]), cache._path(KEYS[1])])


def test_several_that_write_and_read_the_same_never_see_half_of_it(cache):
    def use(_):
        cache.keep(KEYS[0], entry(0, 5000))
        return is_found(cache, 0)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(use, range(40)))
    assert files(cache) == [cache._path(KEYS[0])]
