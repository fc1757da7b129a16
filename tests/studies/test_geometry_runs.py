"""Residual geometry by the worker, from the command to rows; a real tiny model and PaCMAP."""

import io
import threading

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoModelForCausalLM, AutoTokenizer

from studies import commands, runner
from studies.engine.geometry import animation, projection
from studies.engine.geometry_columns import COLUMNS
from studies.jobs import job_claim
from studies.lifecycle import StatusConflictError
from studies.models import Geometry, GeometryProjection, Job, PromptSet
from studies.runner import ports, sessions
from studies.selectors import geometry_out, projection_out
from tests.engine.tiny import save_tiny
from tests.studies.tiny_studies import TINY_SETTINGS

pytestmark = pytest.mark.django_db
N_LAYERS = 4
GOOD = ["A tree?", "The tallest tree?", "Two cities", "Bread", "A boat at sea"]
BAD = ["no", "no no", "no no no", "never"]


@pytest.fixture(scope="module")
def tiny_model_folder(tmp_path_factory):
    """A tiny model with layers between the first and the last one."""
    root = tmp_path_factory.mktemp("models")
    save_tiny("llama", root / "tiny", num_hidden_layers=N_LAYERS)
    return root


@pytest.fixture(autouse=True)
def no_bell(monkeypatch):
    monkeypatch.setattr("studies.tasks.look_for_work", lambda: None)


@pytest.fixture(autouse=True)
def quick_pictures(monkeypatch):
    monkeypatch.setattr(projection, "ITERATIONS", (5, 5, 5))
    monkeypatch.setattr(animation, "MOST_BETWEEN", 0)


def work():
    lease = job_claim("worker")
    runner.run(lease, lease_lost=threading.Event())
    return Job.objects.get(pk=lease.job_id)


@pytest.fixture
def make_own(make_profile, make_user, tiny_model_root):
    """Return a factory of studies on the tiny model that were never started."""

    def make(good=GOOD, bad=BAD):
        for slug, lines in (("good", good), ("bad", bad)):
            PromptSet.objects.create(slug=slug, name=slug, text="\n".join(lines))
        profile = make_profile(settings=TINY_SETTINGS)
        return commands.study_create(make_user(), model="tiny", profile=profile, start=False)

    return make


@pytest.fixture
def measured(make_own):
    study = make_own()
    commands.geometry_start(study)
    job = work()
    assert (job.status, job.error) == (Job.Status.DONE, "")
    return study


def test_a_job_measures_every_layer_and_projects_every_prompt(measured):
    found = geometry_out(measured)

    assert found["status"] == "ready"
    assert found["samples"] == {
        "good": {"count": 5, "total": 5},
        "bad": {"count": 4, "total": 4},
    }
    assert len(found["layers"]) == N_LAYERS + 1
    assert all(set(line) == {column.name for column in COLUMNS} for line in found["layers"])
    assert None not in found["layers"][2].values()

    shown = projection_out(measured)
    assert [one["text"] for one in shown["prompts"]] == GOOD + BAD
    assert [one["group"] for one in shown["prompts"]] == ["good"] * 5 + ["bad"] * 4
    assert np.array(shown["points"]).shape == (N_LAYERS + 1, 9, 2)
    gif = Image.open(io.BytesIO(GeometryProjection.objects.get().animation))
    events = measured.event_count
    measured.refresh_from_db()
    assert (measured.status, measured.event_count) == ("draft", events)
    assert gif.n_frames == N_LAYERS + 1


def test_the_numbers_are_those_of_the_model_as_transformers_runs_it(measured, tiny_model_root):
    folder = tiny_model_root / "tiny"
    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    system = next(s for s in measured.snapshot["settings"] if s["name"] == "system_prompt")

    def mean(texts):
        rows = []
        for text in texts:
            said = [("system", system["value"]), ("user", text)]
            messages = [{"role": role, "content": content} for role, content in said]
            rendered = tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True
            )
            ids = tokenizer(rendered, add_special_tokens=False, return_tensors="pt")
            hidden = model(**ids, output_hidden_states=True).hidden_states
            rows.append(torch.stack([state[0, -1] for state in hidden]).double())
        return torch.stack(rows).mean(dim=0)

    with torch.no_grad():
        good, bad = mean(GOOD), mean(BAD)
    for index in range(1, N_LAYERS):  # transformers shows the last one behind the final norm
        line = geometry_out(measured)["layers"][index]
        g, b = good[index], bad[index]
        assert line["norm_direction"] == pytest.approx(float((b - g).norm()), rel=1e-3)
        similarity = float(torch.cosine_similarity(g, b, dim=0))
        assert line["cos_good_bad"] == pytest.approx(similarity, abs=1e-5)


def test_another_measurement_replaces_the_first_which_stays_until_then(measured):
    first = Geometry.objects.get()
    shown = projection_out(measured)

    commands.geometry_start(measured)
    assert geometry_out(measured)["status"] == "queued"
    assert geometry_out(measured)["layers"] == first.lines
    with pytest.raises(StatusConflictError, match="queued measurement"):
        commands.geometry_start(measured)
    assert work().status == Job.Status.DONE

    again = Geometry.objects.get()
    assert again.measured_at > first.measured_at
    assert again.lines == first.lines
    assert projection_out(measured) == shown


def test_too_few_prompts_have_a_table_and_no_picture(make_own):
    study = make_own(good=GOOD[:3], bad=BAD[:2])
    commands.geometry_start(study)

    assert work().result == {"n_layers": N_LAYERS, "has_projection": False}
    found = geometry_out(study)
    assert (found["has_projection"], len(found["layers"])) == (False, N_LAYERS + 1)
    assert projection_out(study) is None


def test_a_canceled_measurement_keeps_what_there_was(measured, monkeypatch):
    before = geometry_out(measured)["measured_at"]
    monkeypatch.setattr(ports, "STOP_PAUSE", 0)
    job = commands.geometry_start(measured).job
    original = projection._projected

    def canceled(*args):
        commands.job_cancel(Job.objects.select_related("study").get(pk=job.pk))
        return original(*args)

    monkeypatch.setattr(projection, "_projected", canceled)

    assert work().status == Job.Status.CANCELED
    found = geometry_out(measured)
    assert (found["status"], found["measured_at"]) == ("canceled", before)
    assert found["has_projection"]


def test_a_failure_is_told_and_keeps_what_there_was(measured, settings, tmp_path):
    sessions.session_drop()
    settings.MODEL_ROOTS = [tmp_path]
    commands.geometry_start(measured)

    job = work()

    assert (job.status, job.error_code) == (Job.Status.FAILED, "model_not_found")
    found = geometry_out(measured)
    assert (found["status"], len(found["layers"])) == ("failed", N_LAYERS + 1)


def test_a_worker_that_lost_its_lease_stores_nothing(make_own, monkeypatch):
    study = make_own()
    job = commands.geometry_start(study).job
    original = projection._projected

    def late(*args):
        Job.objects.filter(pk=job.pk).update(fence=99)
        return original(*args)

    monkeypatch.setattr(projection, "_projected", late)
    work()

    row = Geometry.objects.get()
    assert (row.lines, row.measured_at) == ([], None)
    assert not GeometryProjection.objects.exists()
    job.refresh_from_db()
    assert (job.status, job.error) == (Job.Status.RUNNING, "")
