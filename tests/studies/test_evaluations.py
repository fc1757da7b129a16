"""Finished models scored beside their bases; real tiny models throughout."""

import threading
from dataclasses import asdict

import pytest
from django.core.management import CommandError, call_command
from transformers import AutoModelForCausalLM

from studies import commands, runner
from studies.engine.errors import InvalidInputError
from studies.engine.export_options import ExportOptions
from studies.engine.ports import Silent
from studies.jobs import job_claim
from studies.management.commands import evaluate as evaluate_command
from studies.models import Job, PromptSet
from studies.runner import evaluating
from studies.runner.sessions import prepared_session
from studies.runner.trials import trial_parameters
from tests.engine.tiny import save_tiny, tiny_tokenizer
from tests.studies.tiny_studies import TINY_SETTINGS

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setattr("studies.tasks.look_for_work", lambda: None)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    """A model root: a base, what somebody made of it, and others that are none of its kind."""
    root = tmp_path_factory.mktemp("zoo")
    save_tiny("llama", root / "base")
    finished = AutoModelForCausalLM.from_pretrained(root / "base").requires_grad_(False)
    for layer in finished.model.layers[1:]:
        layer.mlp.down_proj.weight.mul_(0.3)
    finished.save_pretrained(root / "finished")
    stranger = tiny_tokenizer()
    stranger.chat_template = "{{ 1 / 0 }}"  # never used: both read the base's
    stranger.save_pretrained(root / "finished")
    save_tiny("qwen3", root / "qwen")
    save_tiny("llama", root / "large", vocab_size=300)
    save_tiny("llama", root / "other-tokens", tokenizer=_with_tokens_swapped())
    (root / "empty").mkdir()
    return root


def _with_tokens_swapped():
    tokenizer = tiny_tokenizer()
    text = tokenizer.backend_tokenizer.to_str()
    swapped = (
        text.replace('"a":', '"a and b":').replace('"b":', '"a":').replace('"a and b":', '"b":')
    )
    tokenizer._tokenizer = type(tokenizer.backend_tokenizer).from_str(swapped)
    return tokenizer


@pytest.fixture
def profile(zoo, settings, make_profile):
    settings.MODEL_ROOTS = [zoo]
    return make_profile(settings=TINY_SETTINGS)


@pytest.fixture
def user(make_user):
    return make_user("somebody")


def work():
    lease = job_claim("worker")
    runner.run(lease, lease_lost=threading.Event())
    return Job.objects.get(pk=lease.job_id)


def evaluated(user, profile, **fields):
    scoring = commands.evaluation_create(user, profile=profile, **fields)
    job = work()
    scoring.refresh_from_db()
    return scoring, job


def test_a_finished_model_is_scored_beside_its_base(user, profile):
    scoring, job = evaluated(user, profile, model="finished", base="base")

    assert (job.status, job.error, job.study) == (Job.Status.DONE, "", None)
    before, after = scoring.baseline, scoring.results.get().scores
    assert [score["name"] for score in after] == ["Keywords", "KL divergence"]
    assert before[1]["value"] == 0.0 < after[1]["value"]
    assert after[0]["baseline"] == before[0]["value"]
    assert scoring.facts["dtype"] == "float32"


def test_a_copy_of_the_base_does_not_diverge_from_it(user, profile, zoo):
    if not (zoo / "copy").exists():
        save_tiny("llama", zoo / "copy")

    scoring, _ = evaluated(user, profile, model="copy", base="base")

    keywords, divergence = scoring.results.get().scores
    assert divergence["value"] == 0.0
    assert keywords["value"] == scoring.baseline[0]["value"]


def test_exports_score_as_their_trial_did(make_found, settings, tmp_path):
    settings.EXPORT_DIR = tmp_path / "exports"
    study = make_found(row_normalization="none")
    trial = study.trials.get(number=0)
    session = prepared_session(study, Silent(), Silent()).session
    trial.scores = [asdict(s) for s in session.evaluate(trial_parameters(trial)).scores]
    trial.save()
    wanted = [ExportOptions(strategy=strategy) for strategy in ("merge", "adapter")]
    exports = [commands.export_create(trial, options) for options in wanted]
    assert [work().error for _ in exports] == ["", ""]

    for export in exports:
        export.refresh_from_db()
        scoring, job = evaluated(study.owner, study.profile, export=export)

        assert (job.error, scoring.original) == ("", "tiny")
        found = [score["value"] for score in scoring.results.get().scores]
        assert found == pytest.approx([score["value"] for score in trial.scores], abs=1e-6)


@pytest.mark.parametrize(
    ("fields", "place", "words"),
    [
        ({"model": "base", "base": "base"}, "model", "is the base itself"),
        ({"model": "qwen", "base": "base"}, "model", "is of type qwen3, its base of type llama"),
        ({"model": "gone", "base": "base"}, "model", "neither owner/name on the hub"),
        ({"model": "finished", "base": "/etc"}, "base", "leads out of the folders"),
        ({"model": "../zoo", "base": "base"}, "model", "must not climb"),
        ({"model": "empty", "base": "base"}, "model", "holds no config.json"),
        ({"model": "", "base": "base"}, "model", "is required"),
        ({"model": "finished", "base": " "}, "base", "is required"),
        ({"model": "finished", "base": "base", "revision": "a b"}, "revision", "must be a branch"),
    ],
)
def test_what_cannot_be_compared_is_refused_at_once(user, profile, fields, place, words):
    with pytest.raises(InvalidInputError) as caught:
        commands.evaluation_create(user, profile=profile, **fields)

    assert any(p.place == place and words in p.message for p in caught.value.problems)
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("large", "the base has 260 tokens, the model 300"),
        ("other-tokens", "2 tokens of the base are others in the model"),
    ],
)
def test_another_vocabulary_is_one_clear_error(user, profile, model, words):
    _, job = evaluated(user, profile, model=model, base="base")

    assert (job.status, job.error_code) == (Job.Status.FAILED, "models_differ")
    assert words in job.error


def test_a_model_that_is_gone_when_its_turn_comes_is_named(user, profile, zoo):
    commands.evaluation_create(user, profile=profile, model="finished", base="base")
    (zoo / "finished").rename(zoo / "moved")
    try:
        job = work()
    finally:
        (zoo / "moved").rename(zoo / "finished")

    assert (job.status, job.error_code) == (Job.Status.FAILED, "model_not_found")
    assert '"finished"' in job.error


def test_a_dataset_is_read_by_the_worker(user, profile, monkeypatch):
    rows = ["one", "two", "three"]
    monkeypatch.setattr(evaluating, "dataset_lines", lambda prompt_set: rows)
    PromptSet.objects.filter(slug="bad-test").update(
        source="dataset", dataset="owner/name", split="test[:3]", column="text"
    )

    scoring, job = evaluated(user, profile, model="finished", base="base")

    assert (job.error, scoring.prompts["bad-test"]["count"]) == ("", 3)
    assert scoring.baseline[0]["n"] == 3


def test_the_command_waits_and_prints_a_table(user, profile, monkeypatch, capsys):
    monkeypatch.setattr(evaluate_command.time, "sleep", lambda seconds: work())

    call_command("evaluate", "finished", "base", "somebody", "--profile", profile.slug)

    said = capsys.readouterr()
    header, keywords, divergence = said.out.splitlines()
    assert header.split() == ["Score", "Base", "Model", "95", "%", "interval"]
    assert (keywords.split()[0], divergence.split()[:3]) == ("Keywords", ["KL", "divergence", "0"])
    assert "No worker is running" in said.err


def test_the_command_says_what_went_wrong(user, profile, monkeypatch, capsys):
    monkeypatch.setattr(evaluate_command.time, "sleep", lambda seconds: work())

    for model, words in (("large", "vocabularies differ"), ("gone", "neither owner/name")):
        with pytest.raises(CommandError, match=words):
            call_command("evaluate", model, "base", "somebody", "--profile", profile.slug)
    with pytest.raises(CommandError, match="no preset"):
        call_command("evaluate", "finished", "base", "somebody", "--profile", "gone")
    with pytest.raises(CommandError, match="no active user"):
        call_command("evaluate", "finished", "base", "nobody")
