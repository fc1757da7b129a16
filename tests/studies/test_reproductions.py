"""A bundle that is handed in becomes a study and a comparison; page, API and command agree."""

import copy
import json

import pytest
from django.core.management import CommandError, call_command

from studies import commands
from studies.engine.errors import InvalidInputError
from studies.engine.export_options import ExportOptions
from studies.models import Export, FrozenPrompts, Job, PromptSet, Study
from studies.reproducing import reproduction_plan
from studies.runner.sessions import session_drop
from tests.engine.test_bundles import REFERENCE
from tests.studies.kept_rows import rows_kept, rows_restored
from tests.studies.test_exports import folder_of, make_run, own_folders, work  # noqa: F401

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def exported():
    """What a study and an export of its first trial left: the rows, and the bundle as text."""
    return []


@pytest.fixture
def bundle(make_run, exported):  # noqa: F811
    """The bundle of an export, made once for all by another worker; its study is there."""
    if exported:
        rows_restored(exported[0])
    else:
        row = commands.export_create(make_run().trials.first(), ExportOptions(strategy="merge"))
        assert work().status == Job.Status.DONE
        session_drop()
        file = folder_of(Export.objects.get(pk=row.pk)) / "reproduce.json"
        exported[:] = [rows_kept(), file.read_text()]
    return json.loads(exported[1])


def test_a_bundle_is_built_again_to_the_same_hashes(bundle, make_user):
    study, job = commands.reproduction_create(make_user(), reproduction_plan(bundle))
    assert work().kind == "study_run"
    done = work()

    assert (done.pk, done.status) == (job.pk, Job.Status.DONE), done.error
    told = done.result["reproduction"]
    assert (told["equal"], told["same_original"]) == (True, True)
    study.refresh_from_db()
    assert (study.status, study.n_finished) == ("completed", 1)
    assert study.trials.get().parameters == bundle["parameters"]
    assert Export.objects.get(job=job).ready_at


def test_the_comparison_waits_for_the_study_and_says_why_if_that_fails(
    bundle, make_user, settings, tmp_path
):
    _, job = commands.reproduction_create(make_user(), reproduction_plan(bundle))
    settings.MODEL_ROOTS = [tmp_path]
    assert work().status == Job.Status.FAILED

    done = work()

    assert (done.pk, done.error_code) == (job.pk, "not_reproduced")
    assert "no finished trial" in done.error


def test_prompts_that_are_not_here_are_named(bundle):
    FrozenPrompts.objects.all().delete()
    PromptSet.objects.filter(slug="good").update(text="other\nprompts")

    with pytest.raises(InvalidInputError, match=r"prompts\.good: are not here"):
        reproduction_plan(bundle)


def test_prompts_of_an_unused_prompt_set_are_found_by_their_digest(bundle, make_user):
    FrozenPrompts.objects.all().delete()

    plan = reproduction_plan(bundle)
    assert not FrozenPrompts.objects.exists()  # a preview stores nothing
    commands.reproduction_create(make_user(), plan)

    assert FrozenPrompts.objects.count() == len(bundle["prompts"])


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"settings": {"trust_remote_code": True}}, "settings.trust_remote_code"),
        ({"parameters": {"direction_scope": "global", "shell": 1}}, "parameters.shell"),
        ({"method": "os.system"}, "profile"),
        ({"parameters": {}}, "parameters"),
    ],
)
def test_hostile_parts_are_refused_at_their_place(bundle, change, place):
    hostile = copy.deepcopy(bundle)
    for name, value in change.items():
        hostile[name] = hostile[name] | value if name == "settings" else value

    with pytest.raises(InvalidInputError) as error:
        reproduction_plan(hostile)
    assert place in {problem.place for problem in error.value.problems}
    assert Study.objects.count() == 1


@pytest.mark.parametrize("model", ["/etc", "../../etc", "http://169.254.169.254/x"])
def test_a_model_outside_the_roots_is_refused(bundle, make_user, model):
    hostile = bundle | {"model": bundle["model"] | {"name": model}}

    with pytest.raises(Exception, match="model"):
        commands.reproduction_create(make_user(), reproduction_plan(hostile))
    assert Study.objects.count() == 1


def test_a_dataset_of_the_bundle_must_be_one_of_the_hub(bundle):
    FrozenPrompts.objects.all().delete()
    PromptSet.objects.filter(slug="good").delete()
    hostile = copy.deepcopy(bundle)
    hostile["prompts"]["good"] |= {"dataset": "/etc/passwd", "split": "train", "column": "text"}

    with pytest.raises(InvalidInputError, match=r"prompts\.good\.dataset"):
        reproduction_plan(hostile)


def test_a_file_of_the_reference_becomes_a_study_of_its_trial(make_profile, make_user):
    make_profile()

    plan = reproduction_plan(REFERENCE, n_layers=32)

    assert plan.bundle is None
    assert any("low rank" in note for note in plan.notes)
    assert {d.what for d in plan.differences} == {"torch", "transformers"}
    study, job = commands.reproduction_create(make_user(), plan)
    assert job is None
    assert study.n_trials == 1
    assert not any(row["sampled"] for row in study.snapshot["parameters"])
    settings = {row["name"]: row["value"] for row in study.snapshot["settings"]}
    assert (settings["seed"], settings["model_commit"]) == (75, "f" * 40)
    assert study.snapshot["prompts"]["reference-good"]["dataset"]["dataset"] == "owner/good"


def test_the_api_previews_and_builds(bundle, api, make_user):
    caller = api(make_user("other"))

    preview = caller.post("reproductions/preview", {"bundle": bundle})
    assert preview.status_code == 200, preview.json()
    assert (preview.json()["comparable"], Study.objects.count()) == (True, 1)
    made = caller.post("reproductions", {"bundle": bundle, "name": "Again"})

    assert made.status_code == 201, made.json()
    assert (made.json()["study"]["name"], made.json()["job"]["kind"]) == ("Again", "reproduce")


@pytest.mark.parametrize(
    "body", [{}, {"bundle": []}, {"bundle": {}}, {"bundle": {"version": "3"}}]
)
def test_the_api_refuses_what_is_no_bundle(api, make_user, body):
    for path in ("reproductions", "reproductions/preview"):
        assert api(make_user()).post(path, body).status_code == 422


def test_the_command_builds_a_file(bundle, make_user, tmp_path, capsys):
    make_user("builder")
    file = tmp_path / "reproduce.json"
    file.write_text(json.dumps(bundle))

    call_command("reproduce", str(file), "builder", "--preview")
    assert Study.objects.count() == 1
    call_command("reproduce", str(file), "builder")

    assert str(Study.objects.order_by("created_at").last().pk) in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "[" * 100_000, "{}", '{"format": "x"}'])
def test_the_command_says_what_is_wrong_with_a_file(make_user, tmp_path, text):
    make_user("builder")
    file = tmp_path / "reproduce.json"
    file.write_text(text)

    with pytest.raises(CommandError):
        call_command("reproduce", str(file), "builder")
