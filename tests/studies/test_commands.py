import json

import pytest
from django.db import transaction

from studies import commands
from studies.engine.errors import EngineError, InvalidInputError
from studies.lifecycle import StatusConflictError
from studies.models import Job, PromptSet, Study
from studies.models.study import StudyStatus as Status

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def bell(monkeypatch):
    """How often the workers were called: the queue itself is tested with real workers."""
    rings = []
    monkeypatch.setattr("studies.tasks.look_for_work", lambda: rings.append(1))
    return rings


@pytest.fixture
def create(make_profile, make_user, tiny_model_root):
    """Return a factory of studies, made the way that pages and API do."""
    profile, owner = make_profile(), make_user("owner")

    def make(**fields):
        return commands.study_create(owner, profile=profile, **{"model": "tiny", **fields})

    return make


def test_a_new_study_is_queued_with_a_job_and_a_ring(create, bell):
    study = create()

    assert study.status == Status.QUEUED
    assert study.jobs.get().status == Job.Status.QUEUED
    assert bell == [1]


def test_a_rolled_back_creation_rings_nobody(create, bell):
    with pytest.raises(RuntimeError), transaction.atomic():
        create()
        raise RuntimeError

    assert (bell, Study.objects.count()) == ([], 0)


def test_a_draft_waits_for_its_start(create, bell):
    study = create(start=False)

    assert (study.status, study.jobs.count(), bell) == (Status.DRAFT, 0, [])


def test_a_later_edit_of_the_preset_or_its_prompts_leaves_a_study_as_it_was(create):
    study = create(start=False)
    before = study.snapshot

    study.profile.specs.create(parameter="max_weight", kind="constant", constant=9.0)
    PromptSet.objects.filter(slug="bad").update(text="other prompts")

    study.refresh_from_db()
    assert study.snapshot == before
    assert create(start=False).snapshot != before


def test_the_values_of_one_study_are_frozen_with_who_set_them(create):
    study = create(
        start=False, parameters={"max_weight": {"mlp.down_proj": 0.5}}, settings={"n_trials": 7}
    )

    rows = {(r["name"], r["component"]): r for r in study.snapshot["parameters"]}
    assert rows["max_weight", "mlp.down_proj"]["value"] == 0.5
    assert rows["max_weight", "mlp.down_proj"]["source"] == "this study"
    assert rows["max_weight", "attn.o_proj"]["source"] == "default"
    assert study.n_trials == 7


def test_a_study_without_a_seed_is_given_one(create):
    seeds = [
        next(row for row in create(start=False).snapshot["settings"] if row["name"] == "seed")
        for _ in range(2)
    ]

    assert seeds[0]["value"] != seeds[1]["value"]
    assert seeds[0]["source"] == "drawn for this study"


def test_every_wrong_value_of_a_request_is_named_and_nothing_is_made(create):
    with pytest.raises(InvalidInputError) as caught:
        create(parameters={"max_weight": {"low": 2, "high": 1}}, settings={"n_trials": 0})

    places = {problem.place for problem in caught.value.problems}
    assert places == {"parameters.max_weight.high", "settings.n_trials"}
    assert Study.objects.count() == 0


@pytest.mark.parametrize("model", ["", "../tiny", "/etc", "no-such-model", "a b"])
def test_a_model_that_cannot_be_used_makes_no_study(create, model):
    with pytest.raises(EngineError):
        create(model=model)

    assert Study.objects.count() == 0


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"model_type": "gpt2"}, "architecture_unsupported"),
        ({"model_type": "llama"}, "model_without_safetensors"),
        ({"model_type": "llama", "auto_map": {"AutoModel": "x.Y"}}, "model_with_custom_code"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_folder_that_cannot_be_loaded_is_refused_at_once(create, tiny_model_root, config, code):
    folder = tiny_model_root / "bad"
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))

    with pytest.raises(EngineError) as caught:
        create(model="bad")

    assert caught.value.code == code
    assert [problem.place for problem in caught.value.problems] == ["model"]
    assert Study.objects.count() == 0


def test_an_empty_prompt_set_makes_no_study(create):
    PromptSet.objects.filter(slug="bad").update(text="\n \n")

    with pytest.raises(InvalidInputError, match=r"settings\.bad_prompts"):
        create()
    assert Study.objects.count() == 0


def test_good_and_bad_prompts_must_differ(create):
    PromptSet.objects.update(text="the same")

    with pytest.raises(InvalidInputError, match=r"settings\.bad_prompts: has the same prompts"):
        create()


def test_a_repeated_key_returns_the_first_study(create):
    first = create(idempotency_key="k", fingerprint="a")

    assert create(idempotency_key="k", fingerprint="a") == first
    with pytest.raises(InvalidInputError, match="another request"):
        create(idempotency_key="k", fingerprint="b")


def test_stopping_a_queued_study_stops_it_at_once(create):
    study = commands.study_stop(create())

    assert (study.status, study.jobs.get().status) == (Status.STOPPED, Job.Status.CANCELED)


def test_stopping_a_running_study_asks_its_worker(make_study):
    assert commands.study_stop(make_study(status=Status.RUNNING)).status == Status.STOPPING


def test_a_stopped_study_is_queued_again_by_resume(create):
    study = commands.study_resume(commands.study_stop(create()))

    assert study.status == Status.QUEUED
    assert study.jobs.filter(status=Job.Status.QUEUED).count() == 1


def test_extending_a_finished_study_raises_its_target_and_queues_it(make_study):
    study = commands.study_extend(make_study(status=Status.COMPLETED, n_trials=40), 10)

    assert (study.n_trials, study.status) == (50, Status.QUEUED)


def test_extending_a_running_study_makes_it_run_longer(make_study):
    study = commands.study_extend(make_study(status=Status.RUNNING, n_trials=40), 10)

    assert (study.n_trials, study.status, study.jobs.count()) == (50, Status.RUNNING, 0)


@pytest.mark.parametrize("count", [0, -1, 10_000])
def test_an_extension_has_limits(make_study, count):
    study = make_study(status=Status.COMPLETED, n_trials=40)

    with pytest.raises(InvalidInputError, match="n_trials"):
        commands.study_extend(study, count)
    study.refresh_from_db()
    assert study.n_trials == 40


@pytest.mark.parametrize(
    ("status", "command"),
    [
        (Status.DRAFT, commands.study_stop),
        (Status.COMPLETED, commands.study_stop),
        (Status.FAILED, commands.study_stop),
        (Status.STOPPING, commands.study_stop),
        (Status.RUNNING, commands.study_start),
        (Status.DRAFT, commands.study_resume),
        (Status.COMPLETED, commands.study_resume),
        (Status.DRAFT, lambda study: commands.study_extend(study, 1)),
    ],
)
def test_a_command_that_does_not_fit_the_status_is_refused(make_study, status, command):
    study = make_study(status=status)

    with pytest.raises(StatusConflictError):
        command(study)
    study.refresh_from_db()
    assert (study.status, study.n_trials) == (status, 40)
