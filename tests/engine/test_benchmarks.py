"""Benchmarks: what may be asked for, own tasks on a tiny model, and what is refused."""

import json
import warnings
from dataclasses import replace
from pathlib import Path

import datasets
import lm_eval.tasks
import pytest
import torch

from studies.engine.benchmarks import catalogue
from studies.engine.benchmarks.errors import (
    TaskDataError,
    TaskError,
    TaskRefusedError,
    TaskUnknownError,
)
from studies.engine.benchmarks.harness import Harness
from studies.engine.benchmarks.options import BenchmarkOptions
from studies.engine.benchmarks.own_tasks import fingerprint, own_tasks
from studies.engine.benchmarks.port import Watch
from studies.engine.benchmarks.results import beside
from studies.engine.benchmarks.scores import scores_of
from studies.engine.ports import Silent, Stopped
from tests.engine.tiny import tiny_model, tiny_tokenizer

CHOICE = """
task: {name}
dataset_path: json
dataset_kwargs:
  data_files: {{test: rows.jsonl}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{question}}}}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: label
metric_list:
  - {{metric: acc, aggregation: mean, higher_is_better: true}}
"""
WRITTEN = """
task: written
dataset_path: json
dataset_kwargs:
  data_files: {test: rows.jsonl}
test_split: test
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{choices[label]}}"
generation_kwargs: {until: ["x"], max_gen_toks: 3, do_sample: false}
metric_list:
  - {metric: exact_match, aggregation: mean, higher_is_better: true}
"""
ROWS = [{"question": f"{i}+1=", "choices": [str(i + 1), "a", "bb"], "label": 0} for i in range(12)]


@pytest.fixture(scope="module")
def loaded():
    return tiny_model()


@pytest.fixture
def folder(tmp_path):
    """A folder of the operator's, with the tasks `choice` and `written`."""
    inner = tmp_path / "mine"
    inner.mkdir()
    (inner / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    (inner / "choice.yaml").write_text(CHOICE.format(name="choice"))
    (inner / "written.yaml").write_text(WRITTEN)
    return inner


@pytest.fixture
def few_built_in(monkeypatch):
    """Read one family of the harness's tasks instead of all 14,000, which takes seconds."""
    family = Path(lm_eval.tasks.__file__).parent / "arc"
    found = catalogue.TaskManager(include_path=family, include_defaults=False).task_index
    monkeypatch.setattr(catalogue, "built_in", lambda: found)


class Seen(Silent):
    """Remembers what it was told; stops when told to."""

    def __init__(self, stop_at=None):
        self.phases, self.stop_at, self.asked = [], stop_at, 0

    def phase(self, name, *, done=0, total=0):
        self.phases.append((name, done, total))

    def check(self):
        self.asked += 1
        if self.asked == self.stop_at:
            raise Stopped


def run(folder, name, loaded, *, seen=None, batch_size=4, **options):
    seen = seen or Seen()
    harness = Harness([folder])
    harness.prepare([name], Silent(), Silent())
    chosen = BenchmarkOptions(tasks=[name], **options)
    return harness.run(
        name, loaded, chosen, batch_size=batch_size, watch=Watch(seen, seen, "doing")
    )


def test_a_choice_is_scored_with_its_error_and_its_direction(folder, loaded):
    (scores,) = run(folder, "choice", loaded)

    (metric,) = scores["metrics"]
    assert (scores["task"], scores["n"], scores["n_all"], scores["is_part"]) == (
        "choice", 12, 12, False,
    )  # fmt: skip
    assert (metric["name"], metric["filter"], metric["higher_is_better"]) == ("acc", "none", True)
    assert metric["value"] == pytest.approx(by_hand(loaded))
    share = metric["value"]
    assert metric["stderr"] == pytest.approx((share * (1 - share) / 11) ** 0.5)


@torch.no_grad()
def by_hand(loaded):
    """The share of rows whose right answer is the likeliest, token by token."""
    right = 0
    for row in ROWS:
        sums = []
        for choice in row["choices"]:
            prompt = loaded.tokenizer(row["question"], return_tensors="pt").input_ids
            both = loaded.tokenizer(f"{row['question']} {choice}", return_tensors="pt").input_ids
            logits = loaded.model(both).logits.log_softmax(-1)[0]
            start = prompt.shape[1]
            tokens = both[0, start:]
            sums.append(float(logits[start - 1 : -1].gather(1, tokens[:, None]).sum()))
        right += sums.index(max(sums)) == row["label"]
    return right / len(ROWS)


def test_answers_are_written_and_progress_reaches_the_end(folder, loaded):
    seen = Seen()

    (scores,) = run(folder, "written", loaded, seen=seen, limit=6)

    assert (scores["n"], scores["n_all"]) == (6, 12)
    assert [m["name"] for m in scores["metrics"]] == ["exact_match"]
    assert seen.phases[0] == ("doing", 0, 6)
    assert ("doing", 4, 6) in seen.phases  # after the first batch
    assert seen.phases[-1] == ("doing", 6, 6)


def test_a_stop_is_read_between_two_tokens_and_leaves_the_model_as_it_was(folder, loaded):
    side, weights = loaded.tokenizer.padding_side, loaded.model.lm_head.weight.clone()

    with pytest.raises(Stopped):
        run(folder, "written", loaded, seen=Seen(stop_at=2))

    assert not loaded.model._forward_pre_hooks
    assert loaded.tokenizer.padding_side == side
    assert torch.equal(loaded.model.lm_head.weight, weights)


def test_the_tokenizer_of_the_session_stays_as_it_is(folder, loaded):
    own = replace(loaded, tokenizer=tiny_tokenizer(pad_token=None))

    run(folder, "choice", own, limit=1)

    assert own.tokenizer.pad_token is None


def test_a_batch_that_does_not_fit_is_halved(folder, loaded, monkeypatch):
    sizes = []
    forward = type(loaded.model).forward

    def short_of_memory(self, input_ids=None, **kwargs):
        sizes.append(len(input_ids))
        if len(input_ids) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, input_ids=input_ids, **kwargs)

    monkeypatch.setattr(type(loaded.model), "forward", short_of_memory)
    (scores,) = run(folder, "choice", loaded, batch_size=8)

    assert sizes[:3] == [8, 4, 2]
    assert scores["n"] == 12


def test_solved_examples_are_the_same_each_time(folder, loaded):
    harness = Harness([folder])
    harness.prepare(["choice"], Silent(), Silent())
    options = BenchmarkOptions(tasks=["choice"], num_fewshot=2)
    watch = Watch(Silent(), Silent(), "doing")

    first, second = (
        harness.run("choice", loaded, options, batch_size=4, watch=watch) for _ in range(2)
    )

    assert first == second
    assert first[0]["num_fewshot"] == 2


def test_the_chat_format_changes_what_is_asked(folder, loaded, monkeypatch):
    asked = []
    encode = type(loaded.tokenizer).encode
    monkeypatch.setattr(
        type(loaded.tokenizer),
        "encode",
        lambda self, text, **kwargs: asked.append(text) or encode(self, text, **kwargs),
    )

    run(folder, "choice", loaded, limit=1, apply_chat_template=True)

    assert any("<|im_start|>user\n0+1=<|im_end|>" in text for text in asked)


def test_a_group_of_the_operators_has_a_score_of_its_own(folder, loaded, few_built_in):
    (folder / "second.yaml").write_text(CHOICE.format(name="second"))
    (folder / "group.yaml").write_text(
        "group: both\ntask: [choice, second]\n"
        "aggregate_metric_list: [{metric: acc, weight_by_size: true}]\n"
    )

    scores = run(folder, "both", loaded)

    assert [(one["task"], one["is_part"]) for one in scores] == [
        ("both", False), ("choice", True), ("second", True),
    ]  # fmt: skip
    assert scores[0]["n"] == 24


def test_a_function_of_the_operators_is_used(folder, loaded):
    (folder / "mine.py").write_text("def ask(doc):\n    return doc['question'] * 2\n")
    text = CHOICE.format(name="own").replace('"{{question}}"', "!function mine.ask")
    (folder / "own.yaml").write_text(text)

    assert run(folder, "own", loaded)[0]["n"] == 12


def test_unknown_names_are_told_all_at_once_with_near_ones(folder, few_built_in):
    with pytest.raises(TaskUnknownError) as caught:
        Harness([folder]).prepare(["choise", "arc_esy", "choice", "zzz"], Silent(), Silent())

    text = str(caught.value)
    assert 'no task "choise"; did you mean choice' in text
    assert 'no task "arc_esy"; did you mean arc_easy' in text
    assert 'no task "zzz"; no name is like it' in text


def test_a_path_is_no_task_even_where_a_file_lies(folder, few_built_in, monkeypatch):
    monkeypatch.chdir(folder)

    with pytest.raises(TaskUnknownError):
        Harness([]).prepare(["choice.yaml"], Silent(), Silent())


def test_data_that_the_hub_does_not_give_names_the_task_and_the_reason(few_built_in, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    with pytest.raises(TaskDataError) as caught:
        Harness([]).prepare(["arc_easy"], Silent(), Silent())

    assert str(caught.value).startswith('Task "arc_easy": its data cannot be had: Couldn\'t reach')


def test_a_missing_file_names_the_task(folder):
    (folder / "rows.jsonl").unlink()

    with pytest.raises(TaskDataError, match='Task "choice": its data cannot be had'):
        Harness([folder]).prepare(["choice"], Silent(), Silent())


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("test_split: test", "test_split: other", "KeyError"),
        ("doc_to_target: label", "doc_to_target: '{{nothing.at.all}}'", "UndefinedError"),
        ("output_type: multiple_choice", "output_type: a_guess", "invalid output_type"),
        ('"{{question}}"', "!function gone.ask", "No module named 'gone'"),
    ],
)
def test_a_task_with_a_fault_is_named_with_its_reason(folder, loaded, old, new, reason):
    text = CHOICE.format(name="broken")
    assert old in text
    (folder / "broken.yaml").write_text(text.replace(old, new))

    with pytest.raises(TaskError) as caught:
        run(folder, "broken", loaded)

    assert str(caught.value).startswith('Task "broken" failed')
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("metric: acc,", "metric: acc, hf_evaluate: true,", 'the metric "acc"'),
        ("metric: acc,", "metric: some_metric,", 'the metric "some_metric"'),
        ("test_split: test", "test_split: test\nunsafe_code: true", "code that the model writes"),
        ('"{{question}}"', "!function program.ask", 'the metric "code_eval"'),
    ],
)
def test_code_of_the_hubs_and_of_the_model_is_refused(folder, old, new, reason):
    (folder / "program.py").write_text("import evaluate\nask = evaluate.load('code_eval')\n")
    text = CHOICE.format(name="risky")
    assert old in text
    (folder / "risky.yaml").write_text(text.replace(old, new))

    with pytest.raises(TaskRefusedError, match=reason):
        Harness([folder]).prepare(["risky"], Silent(), Silent())


def test_remote_code_is_never_asked_for(folder, monkeypatch):
    asked = []
    real = datasets.load_dataset
    monkeypatch.setattr(
        datasets, "load_dataset", lambda *a, **kw: asked.append(kw) or real(*a, **kw)
    )
    text = CHOICE.format(name="remote").replace(
        "dataset_kwargs:", "dataset_kwargs:\n  trust_remote_code: true"
    )
    (folder / "remote.yaml").write_text(text)

    Harness([folder]).prepare(["remote"], Silent(), Silent())

    assert asked
    assert not any("trust_remote_code" in kwargs for kwargs in asked)


def test_own_tasks_are_listed_without_running_anything(folder):
    (folder / "own.yaml").write_text(
        "task: own\nprocess_docs: !function bad.boom\n"
        "metadata: {about: Mine, models: [demo, 'a/*'], apply_chat_template: true}\n"
    )
    (folder / "bad.py").write_text("raise SystemExit\n")
    (folder / "broken.yaml").write_text("task: [\n")
    (folder / "evil.yaml").write_text("task: !!python/object/apply:os.system ['true']\n")
    (folder / "path.yaml").write_text("task: ../../etc\n")
    (folder / "list.yaml").write_text("- task\n")

    found = {task.name: task for task in own_tasks([folder, folder / "missing"])}

    assert set(found) == {"choice", "written", "own"}
    own = found["own"]
    assert (own.about, own.apply_chat_template) == ("Mine", True)
    assert [own.fits(model) for model in ("demo", "a/b", "b/a")] == [True, True, False]
    assert found["choice"].fits("b/a")
    assert not found["choice"].is_made_for("b/a")


def test_a_changed_file_changes_the_fingerprint(folder):
    before = fingerprint([folder])
    (folder / "rows.jsonl").write_text("")

    assert fingerprint([folder]) != before


def scored(task, value, stderr, *, higher=True, name="acc", is_part=False):
    metric = {
        "name": name, "filter": "none", "value": value, "stderr": stderr,
        "higher_is_better": higher,
    }  # fmt: skip
    return {
        "task": task, "is_part": is_part, "n": 10, "n_all": 20, "num_fewshot": 0,
        "metrics": [metric],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "difference", "clear"),
    [
        ((0.5, 0.03), (0.7, 0.04), 0.2, True),
        ((0.5, 0.03), (0.6, 0.04), 0.1, False),  # just two standard errors
        ((0.5, None), (0.9, 0.01), 0.4, None),
        ((0.0, 0.0), (0.0, 0.0), 0.0, False),
        ((None, None), (0.5, 0.1), None, None),
        ((0.5, 0.1), (None, None), None, None),
    ],
)
def test_a_difference_is_clear_above_two_standard_errors(before, after, difference, clear):
    (row,) = beside([scored("a", *before)], [scored("a", *after)])

    assert row["difference"] == (None if difference is None else pytest.approx(difference))
    assert row["clear"] is clear


def test_what_is_no_finite_number_is_stored_as_none():
    results = {
        "results": {"a": {"alias": "a", "ppl,none": float("inf"), "ppl_stderr,none": "N/A"}},
        "n-samples": {"a": {"original": 3, "effective": 2}},
        "n-shot": {"a": 0},
        "higher_is_better": {"a": {"ppl": False}},
    }

    (scores,) = scores_of("a", results)

    assert scores["metrics"] == [
        {"name": "ppl", "filter": "none", "value": None, "stderr": None, "higher_is_better": False}
    ]


def test_no_warning_is_left_to_the_user(folder, loaded, capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(folder, "choice", loaded, limit=2)

    assert capfd.readouterr() == ("", "")
