"""Datasets, read from a folder as the hub's library reads them from the hub."""

import time

import datasets
import pytest

from studies import commands
from studies.engine.errors import InvalidInputError, PromptSetError
from studies.engine.prompt_sources import prompts_of_rows
from studies.models import FrozenPrompts, PromptSet
from studies.runner.prompts import column_lines, dataset_lines, prompts_load

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def folder(tmp_path):
    rows = {"text": [f"question {i}" for i in range(5)], "number": list(range(5))}
    path = tmp_path / "data"
    path.mkdir()
    datasets.Dataset.from_dict(rows).to_json(path / "train.jsonl")
    return str(path)


@pytest.fixture
def read(folder):
    """Return a function that reads the folder as a dataset."""

    def lines(*, dataset=folder, split="train[:3]", column="text"):
        return column_lines(dataset, "", split, column)

    return lines


def test_a_slice_of_a_column_is_read(read):
    assert read() == ["question 0", "question 1", "question 2"]


def test_a_missing_column_is_refused_with_those_that_exist(read):
    with pytest.raises(PromptSetError, match='no column "prompt"; it has text, number'):
        read(column="prompt")


def test_a_column_without_text_is_refused(read):
    with pytest.raises(PromptSetError, match="something other than text"):
        read(column="number")


def test_a_dataset_that_cannot_be_had_is_refused_in_one_sentence(read, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # the hub's library tries for 20 s
    with pytest.raises(PromptSetError, match="cannot be read") as caught:
        read(dataset="nobody/nothing")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("rows", [[], ["", "  "], ["a\x00b"], ["x" * 40_000]], ids=repr)
def test_rows_that_make_no_prompts_are_refused(rows):
    with pytest.raises(PromptSetError):
        prompts_of_rows(rows, "rows")


def test_a_folder_of_the_server_is_no_dataset(folder, make_user):
    fields = {"slug": "s", "name": "s", "source": "dataset", "split": "train", "column": "text"}

    for name in (folder, "../data", "tests"):
        with pytest.raises(InvalidInputError, match="dataset"):
            commands.prompt_set_create(make_user(), {**fields, "dataset": name})
        with pytest.raises(InvalidInputError, match="dataset"):
            dataset_lines(PromptSet(**{**fields, "dataset": name}))


def test_a_folder_below_the_working_folder_does_not_pass_for_a_dataset(monkeypatch, tmp_path):
    (tmp_path / "owner" / "name").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(InvalidInputError, match="dataset"):
        dataset_lines(PromptSet(dataset="owner/name", split="train", column="text"))


def test_what_a_study_fetched_is_frozen_for_its_next_start(
    make_profile, make_user, tiny_model_root, folder, monkeypatch
):
    monkeypatch.setattr("studies.tasks.look_for_work", lambda: None)
    # The folder stands for a dataset of the hub.
    monkeypatch.setattr("studies.runner.prompts.check_dataset_name", lambda name: None)
    profile = make_profile()
    PromptSet.objects.filter(slug="bad").update(
        source="dataset", dataset=folder, split="train", column="text", prefix="Say: "
    )
    study = commands.study_create(make_user(), model="tiny", profile=profile, start=False)
    assert study.snapshot["prompts"]["bad"]["digest"] == ""
    PromptSet.objects.filter(slug="bad").delete()  # frozen: what was chosen stays chosen

    first = prompts_load(study)
    study.refresh_from_db()

    assert prompts_load(study) == first
    assert first["bad"][0].user == "Say: question 0"
    assert study.snapshot["prompts"]["bad"]["count"] == 5
    assert FrozenPrompts.objects.filter(digest=study.snapshot["prompts"]["bad"]["digest"]).exists()
