"""Exports by the worker, from the command to a verified folder; a real tiny model throughout."""

import json
import shutil
import sys
import threading
from importlib.metadata import version

import pytest
import torch
from transformers import AutoModelForCausalLM

from studies import commands, runner
from studies.engine.errors import InvalidInputError
from studies.engine.export import merged
from studies.engine.export.folder import MANIFEST, sha256_of
from studies.engine.export_options import ExportOptions
from studies.exporting import export_folder
from studies.jobs import job_claim, job_stop
from studies.lifecycle import StatusConflictError
from studies.models import Export, Job, Study, Trial
from studies.runner import exports as exports_module
from studies.runner import ports
from studies.runner.sessions import session_drop
from tests.studies.kept_rows import rows_kept, rows_restored
from tests.studies.tiny_studies import TINY_SETTINGS

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_folders(optuna_storage, settings, tmp_path, monkeypatch):
    settings.EXPORT_DIR = tmp_path / "exports"
    monkeypatch.setattr("studies.tasks.look_for_work", lambda: None)


def work():
    """Do what is first in the queue, as a worker does."""
    lease = job_claim("worker")
    runner.run(lease, lease_lost=threading.Event())
    return Job.objects.get(pk=lease.job_id)


@pytest.fixture
def make_run(make_profile, make_user, tiny_model_root):
    """Return a factory of studies on the tiny model that this worker has just completed."""

    def make(**settings):
        profile = make_profile(settings=TINY_SETTINGS | {"n_trials": 2} | settings)
        study = commands.study_create(make_user("finder"), model="tiny", profile=profile)
        assert work().status == Job.Status.DONE
        return study

    return make


@pytest.fixture(scope="module")
def runs():
    """What the studies of this module's tests left, by their settings."""
    return {}


@pytest.fixture
def make_finished(make_run, runs):
    """Return a function that gives a test its study, completed once for all by another worker."""

    def make(**settings):
        key = repr(settings)
        if key in runs:
            rows_restored(runs[key])
        else:
            make_run(**settings)
            session_drop()
            runs[key] = rows_kept()
        return Study.objects.get()

    return make


def export(trial, **options):
    row = commands.export_create(trial, ExportOptions(**{"strategy": "merge"} | options))
    job = work()
    row.refresh_from_db()
    return row, job


def folder_of(row):
    return export_folder(row.pk).final


def test_any_trial_becomes_a_verified_model_that_is_loaded_again(make_finished):
    study = make_finished()
    trial = study.trials.order_by("is_pareto").first()

    row, job = export(trial)

    assert (job.status, job.error) == (Job.Status.DONE, "")
    assert row.ready_at
    assert row.manifest["verification"]["equal"]
    names = {score["name"] for score in row.manifest["verification"]["scores"]}
    assert names == {"Keywords", "KL divergence"}
    model = AutoModelForCausalLM.from_pretrained(folder_of(row))
    assert model.dtype == torch.float32


def test_the_manifest_has_every_file_with_its_size_and_hash(make_finished):
    row, _ = export(make_finished().trials.first())

    there = {f.name for f in folder_of(row).iterdir()} - {MANIFEST}
    assert {entry["path"] for entry in row.manifest["files"]} == there
    for entry in row.manifest["files"]:
        file = folder_of(row) / entry["path"]
        assert entry["size"] == file.stat().st_size
        assert entry["sha256"] == sha256_of(file)
    assert row.size == sum(entry["size"] for entry in row.manifest["files"])
    assert json.loads((folder_of(row) / MANIFEST).read_text()) == row.manifest


def test_the_bundle_is_complete_and_names_no_path_and_no_person(make_finished, tiny_model_root):
    study = make_finished()
    row, _ = export(study.trials.first())

    text = (folder_of(row) / "reproduce.json").read_text()
    bundle = json.loads(text)
    assert bundle["parameters"] == study.trials.first().parameters
    assert (bundle["settings"]["seed"], bundle["settings"]["batch_size"]) == (7, 4)
    assert bundle["prompts"]["good"]["digest"] == study.snapshot["prompts"]["good"]["digest"]
    assert list(bundle["model"]["files"]) == ["model.safetensors"]
    assert bundle["environment"]["torch"] == version("torch")
    for private in (str(tiny_model_root), "/tmp", study.owner.username, "token"):
        assert private not in text.replace("tokenizers", "")


def test_an_export_has_a_card_with_its_scores_and_nothing_private(make_finished, tiny_model_root):
    study = make_finished()
    readme = tiny_model_root / "tiny" / "README.md"
    readme.write_text(
        "---\nlicense: mit\n---\n# Tiny\n"
        f"Trained in {tiny_model_root}/tiny and /home/someone/runs by {study.owner.username}.\n"
    )
    try:
        row, _ = export(study.trials.first())
    finally:
        readme.unlink()

    card = (folder_of(row) / "README.md").read_text()
    assert "license: mit" in card
    assert "| Keywords |" in card
    assert "| KL divergence |" in card
    assert "Trained in (local path) and (local path) by (name)." in card
    for private in (str(tiny_model_root), "/tmp", "/home", study.owner.username):
        assert private not in card


def test_an_export_right_after_a_study_loads_no_model_but_its_own(make_run, monkeypatch):
    study = make_run()
    loads = []

    monkeypatch.setattr(
        "studies.engine.opening.load_model", lambda *args, **kwargs: loads.append(args)
    )
    _, job = export(study.trials.first())

    assert job.status == Job.Status.DONE
    assert loads == []


def test_an_export_by_another_process_measures_again_and_gives_the_same_files(make_run):
    trial = make_run(batch_size=0, response_prefix=None).trials.first()
    first, _ = export(trial)
    session_drop()

    second, _ = export(trial)

    weights = [
        {e["path"]: e["sha256"] for e in row.manifest["files"] if "safetensors" in e["path"]}
        for row in (first, second)
    ]
    assert weights[0] == weights[1]


@pytest.mark.parametrize(("mode", "exact"), [("none", True), ("full", False)])
def test_an_adapter_tells_how_exact_it_is(make_finished, mode, exact):
    row, job = export(
        make_finished(row_normalization=mode).trials.first(), strategy="adapter", rank=2
    )

    assert job.status == Job.Status.DONE, job.error
    facts = row.manifest["adapter"]
    assert (facts["is_exact"], facts["rank"]) == (exact, 1 if exact else 2)
    assert (facts["error"] < 1e-6) == exact
    assert (folder_of(row) / "adapter_model.safetensors").is_file()
    assert not (folder_of(row) / "config.json").exists()


def test_what_scores_otherwise_than_the_trial_fails_and_leaves_nothing(
    make_finished, monkeypatch, settings
):
    make = merged.Weights.make

    def wrong(self, stored, dtype):
        tensor = make(self, stored, dtype)
        return -tensor if stored.key == "lm_head.weight" else tensor

    monkeypatch.setattr(merged.Weights, "make", wrong)
    row, job = export(make_finished().trials.first())

    assert (job.status, job.error_code) == (Job.Status.FAILED, "export_differs")
    assert "the trial scored" in job.error
    assert row.ready_at is None
    assert list(settings.EXPORT_DIR.iterdir()) == []


def test_a_full_disk_is_told_before_anything_is_written(make_finished, monkeypatch, settings):
    trial = make_finished().trials.first()
    usage = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr("studies.engine.export.folder.shutil.disk_usage", lambda path: usage)

    _, job = export(trial)

    assert (job.status, job.error_code) == (Job.Status.FAILED, "disk_full")
    assert "GiB left" in job.error
    assert list(settings.EXPORT_DIR.iterdir()) == []


def test_a_canceled_export_leaves_nothing(make_finished, monkeypatch, settings):
    monkeypatch.setattr(ports, "STOP_PAUSE", 0)
    row = commands.export_create(make_finished().trials.first(), ExportOptions(strategy="merge"))
    make = merged.Weights.make

    def canceled(self, stored, dtype):
        job_stop(row.job_id)
        return make(self, stored, dtype)

    monkeypatch.setattr(merged.Weights, "make", canceled)
    job = work()

    assert job.status == Job.Status.CANCELED
    assert list(settings.EXPORT_DIR.iterdir()) == []


class Killed(BaseException):
    """What a kill -9 looks like from inside: nothing more is written."""


def test_an_export_that_was_killed_goes_on_with_its_finished_shards(make_finished, monkeypatch):
    study = make_finished()
    monkeypatch.setattr(ExportOptions, "max_shard_bytes", 20_000)
    row = commands.export_create(study.trials.first(), ExportOptions(strategy="merge"))
    entry, seen = merged.ExportFolder.entry, []

    def killed_at_second(self, path):
        seen.append(path)
        if len(seen) == 2:
            raise Killed
        return entry(self, path)

    with monkeypatch.context() as patch:
        patch.setattr(merged.ExportFolder, "entry", killed_at_second)
        patch.setattr(merged.ExportFolder, "discard", lambda self: None)
        patch.setattr("studies.runner.job_run._finish", lambda *args, **kwargs: None)
        with pytest.raises(Killed):
            work()
    first = export_folder(row.pk).partial / seen[0]
    written = first.stat().st_mtime_ns
    assert not folder_of(row).exists()
    Job.objects.filter(pk=row.job_id).update(lease_until="2000-01-01T00:00Z")

    job = work()

    assert job.status == Job.Status.DONE, job.error
    assert (folder_of(row) / seen[0]).stat().st_mtime_ns == written


def test_an_export_published_just_before_a_kill_is_taken_as_it_is(make_finished, monkeypatch):
    row = commands.export_create(make_finished().trials.first(), ExportOptions(strategy="merge"))

    def killed(*args):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(exports_module, "_store", killed)
        patch.setattr("studies.runner.job_run._finish", lambda *args, **kwargs: None)
        with pytest.raises(Killed):
            work()
    Job.objects.filter(pk=row.job_id).update(lease_until="2000-01-01T00:00Z")
    monkeypatch.setattr(exports_module, "_write", killed)

    assert work().status == Job.Status.DONE
    row.refresh_from_db()
    assert row.ready_at


def test_what_no_job_and_no_row_knows_is_swept_and_strange_names_are_left(make_finished, settings):
    trial = make_finished().trials.first()
    kept, _ = export(trial)
    waiting = commands.export_create(trial, ExportOptions(strategy="merge"))
    root, stranger = settings.EXPORT_DIR, "00000000-0000-4000-8000-000000000000"
    for name in (
        f".{stranger}.partial",
        stranger,
        f".{waiting.pk}.partial",
        "notes",
        ".x.partial",
    ):
        (root / name).mkdir()

    removed = exports_module.sweep_exports()

    assert set(removed) == {f".{stranger}.partial", stranger}
    left = {path.name for path in root.iterdir()}
    assert left == {str(kept.pk), f".{waiting.pk}.partial", "notes", ".x.partial"}


def test_a_trial_without_a_result_is_not_exported(make_study, make_trial):
    trial = make_trial(make_study(), state=Trial.State.FAILED)

    with pytest.raises(InvalidInputError, match="only a complete trial"):
        commands.export_create(trial, ExportOptions(strategy="merge"))


def test_gguf_needs_a_converter_and_says_which(make_study, make_trial, settings):
    settings.GGUF_CONVERTER = "no-such-converter"

    with pytest.raises(InvalidInputError, match="strategy: is not available here"):
        commands.export_create(make_trial(make_study()), ExportOptions(strategy="gguf"))


CONVERTER = """
import pathlib, sys
source, _, target = sys.argv[1:4]
assert (pathlib.Path(source) / "model.safetensors").is_file()
pathlib.Path(target).write_bytes(b"GGUF and more")
"""


def test_gguf_is_made_of_the_verified_merged_model(make_finished, settings, tmp_path):
    (tmp_path / "convert.py").write_text(CONVERTER)
    settings.GGUF_CONVERTER = f"{sys.executable} {tmp_path / 'convert.py'}"

    row, job = export(make_finished().trials.first(), strategy="gguf")

    assert job.status == Job.Status.DONE, job.error
    assert {f.name for f in folder_of(row).iterdir()} == {
        "README.md",
        "model.gguf",
        "reproduce.json",
        MANIFEST,
    }
    assert row.manifest["verification"]["equal"]


def test_a_converter_that_fails_is_quoted(make_finished, settings, tmp_path):
    (tmp_path / "convert.py").write_text("raise SystemExit('unknown architecture')")
    settings.GGUF_CONVERTER = f"{sys.executable} {tmp_path / 'convert.py'}"

    _, job = export(make_finished().trials.first(), strategy="gguf")

    assert (job.status, job.error_code) == (Job.Status.FAILED, "converter_failed")
    assert "unknown architecture" in job.error


def test_a_reproduction_from_nothing_has_the_same_hashes(make_finished):
    row, _ = export(make_finished().trials.first())

    again = commands.export_reproduce(row)
    job = work()
    again.refresh_from_db()

    assert (job.kind, job.status) == ("reproduce", Job.Status.DONE), job.error
    told = again.manifest["reproduction"]
    assert (told["equal"], told["same_original"], told["differences"]) == (True, True, [])
    assert job.result["reproduction"] == told


def test_a_reproduction_tells_what_differs(make_finished):
    row, _ = export(make_finished().trials.first())
    file = folder_of(row) / "reproduce.json"
    bundle = json.loads(file.read_text())
    bundle["files"][0]["sha256"] = "0" * 64
    bundle["environment"]["torch"] = "1.0"
    bundle["environment"]["numpy"] = "1.0"
    file.write_text(json.dumps(bundle))

    again = commands.export_reproduce(row)
    work()

    again.refresh_from_db()
    told = again.manifest["reproduction"]
    assert not told["equal"]
    assert [(d["what"], d["severity"]) for d in told["differences"]] == [
        ("torch", "high"),
        ("numpy", "low"),
    ]


def test_only_a_finished_export_is_reproduced_or_deleted(make_study, make_trial):
    row = commands.export_create(make_trial(make_study()), ExportOptions(strategy="merge"))

    with pytest.raises(StatusConflictError):
        commands.export_reproduce(row)
    with pytest.raises(StatusConflictError):
        commands.export_delete(row)


def test_a_deleted_export_takes_its_files_along(make_finished):
    row, _ = export(make_finished().trials.first())

    commands.export_delete(row)

    assert not folder_of(row).exists()
    assert not Export.objects.exists()
