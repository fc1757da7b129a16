"""What a second session recalls of the first: the same to the last bit, and nothing that differs."""

import os
import shutil

import pytest
import torch

from studies.engine import answering, batch_work, residuals
from studies.engine.disk_cache import DiskCache
from studies.engine.ports import Silent
from studies.engine.recall import NOTHING, recall_of
from studies.engine.session import Session
from studies.engine.settings import complete_settings
from tests.engine.test_session import METHOD, RESOLVED, SCORERS, SETS, STRONG, parameters
from tests.engine.test_session import folder as folder  # a fixture
from tests.engine.tiny import tiny_model

OPEN = {"batch_size": 0, "response_prefix": None}  # both are found, not given


def session(folder, cache, sets=SETS, **settings):
    given = {
        "good_prompts": "good",
        "bad_prompts": "bad",
        "scorers": SCORERS,
        "max_response_length": 6,
        "dtypes": ["float32"],
        "seed": 5,
        **settings,
    }
    return Session(
        model_path=str(folder),
        revision=None,
        method=METHOD,
        settings=complete_settings(METHOD, given),
        prompt_sets=sets,
        resolved=RESOLVED,
        reporter=Silent(),
        stop=Silent(),
        cache=cache,
    )


@pytest.fixture
def cache(tmp_path):
    return DiskCache(tmp_path / "cache", 2**28)


@pytest.fixture
def computed(monkeypatch):
    """The names of what is computed of the original, as it happens."""
    names = []

    def watch(module, name):
        original = getattr(module, name)

        def watched(*args, **kwargs):
            names.append(name)
            return original(*args, **kwargs)

        monkeypatch.setattr(module, name, watched)

    watch(answering, "choose_batch_size")
    watch(answering, "detect_prefix")
    watch(batch_work, "greedy")
    watch(residuals, "last_residuals")
    return names


def trial_of(one):
    return one.evaluate(parameters(**STRONG)), one._scorers[1]._original, one.method._statistics


def test_a_second_session_computes_nothing_again_and_differs_in_no_bit(folder, cache, computed):
    first = session(folder, cache, **OPEN)
    facts = first.prepare()
    assert set(computed) == {
        "choose_batch_size", "detect_prefix", "greedy", "last_residuals",
    }  # fmt: skip
    computed.clear()
    again = session(folder, cache, **OPEN)
    facts_again = again.prepare()

    assert computed == []
    assert facts_again == facts
    (result, original, statistics), (other, original_again, statistics_again) = (
        trial_of(first),
        trial_of(again),
    )
    assert other.scores == result.scores
    assert other.responses == result.responses
    assert original_again.equal(original)
    for one, two in zip(statistics, statistics_again, strict=True):
        assert one.basis.equal(two.basis)
        assert one.overlaps.equal(two.overlaps)


def test_without_a_cache_the_same_numbers_come_out(folder, cache):
    given = {"batch_size": 3, "response_prefix": ""}
    kept, plain = session(folder, cache, **given), session(folder, None, **given)
    facts = [session(folder, cache, **given).prepare(), kept.prepare(), plain.prepare()]
    assert facts[0] == facts[1] == facts[2]
    (result, original, _), (other, plain_original, _) = trial_of(kept), trial_of(plain)
    assert (result.scores, result.responses) == (other.scores, other.responses)
    assert original.equal(plain_original)


def test_damaged_files_are_computed_anew(folder, cache, computed):
    given = {"batch_size": 3, "response_prefix": ""}
    facts = session(folder, cache, **given).prepare()
    first = list(computed)
    files = [path for path in cache.folder.rglob("*") if path.is_file()]
    for path in files:
        path.write_bytes(path.read_bytes()[:-1])
    computed.clear()

    assert session(folder, cache, **given).prepare() == facts
    assert computed == first
    computed.clear()
    session(folder, cache, **given).prepare()
    assert computed == []


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ({"max_response_length": 5}, {"greedy"}),
        ({"winsorization_quantile": 0.9}, {"last_residuals"}),
        ({"response_prefix": "So"}, {"greedy", "last_residuals"}),
        ({"good_prompts": "ask-good"}, {"last_residuals"}),
        ({"n_trials": 7, "seed": 6, "early_verdict": False}, set()),
    ],
    ids=["answers", "statistics", "prefix", "prompts", "search"],
)
def test_only_what_a_setting_touches_is_computed_again(folder, cache, computed, change, again):
    given = {"batch_size": 3, "response_prefix": ""}
    session(folder, cache, **given).prepare()
    computed.clear()
    session(folder, cache, **given | change).prepare()
    assert set(computed) == again


def test_another_model_or_another_way_to_compute_recalls_nothing(folder, cache, tmp_path):
    model = tiny_model("llama").model
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)

    def identity(path=copy, loaded=model):
        return recall_of(cache, str(path), loaded).identity

    first = identity()
    assert identity() == first
    assert identity(path=folder) != first
    assert identity(loaded=tiny_model("qwen3").model) != first
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        assert identity() != first
    finally:
        torch.set_num_threads(threads)
    weights = copy / "model.safetensors"
    stat = weights.stat()
    weights.write_bytes(weights.read_bytes())
    os.utime(weights, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert identity() != first, "the same size and time, yet written anew"
    before = identity()
    model.to(torch.bfloat16)
    assert identity() != before


def test_a_model_whose_files_are_unknown_recalls_nothing(cache):
    model = tiny_model("llama").model
    assert recall_of(cache, "owner/name", model) is NOTHING
    model.config._commit_hash = "0" * 40
    assert recall_of(cache, "owner/name", model).identity
