"""Trials scored again on prompts that took no part in the search; a real tiny model throughout."""

import threading

import pytest
import torch

from studies import commands, runner
from studies.engine.errors import InvalidInputError
from studies.engine.method_port import applied
from studies.engine.ports import Silent
from studies.engine.prompts import Prompt, render, tokenize
from studies.engine.scorers.kl_divergence import mean_kl
from studies.held_out import stand_in, used_prompts
from studies.jobs import job_claim, job_stop
from studies.lifecycle import StatusConflictError
from studies.models import FrozenPrompts, Job, PromptSet, ScoringResult
from studies.runner import ports, rescoring, sessions
from studies.runner.sessions import prepared_session
from studies.runner.trials import trial_parameters
from tests.studies.tiny_studies import TINY_SETTINGS, tiny_parameters

pytestmark = pytest.mark.django_db
HELD_OUT = ["A third question", "A fourth question", "A fifth question"]


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setattr("studies.tasks.look_for_work", lambda: None)
    monkeypatch.setattr(ports, "STOP_PAUSE", 0)


def add_set(slug, *lines, **fields):
    text = {"text": "\n".join(lines)} if lines else {}
    return PromptSet.objects.create(slug=slug, name=slug.title(), **text | fields)


def work():
    lease = job_claim("worker")
    runner.run(lease, lease_lost=threading.Event())
    return Job.objects.get(pk=lease.job_id)


@pytest.fixture
def found(make_found):
    """Such a study, with a set of other prompts beside each that it is scored on."""
    add_set("bad-test-held-out", *HELD_OUT)
    add_set("good-held-out", *HELD_OUT[:2])
    return make_found()


def rescore(study, **fields):
    return commands.rescore_create(study.owner, study, **fields)


def asked(scoring, slug):
    scoring.refresh_from_db()
    frozen = FrozenPrompts.objects.get(pk=scoring.prompts[slug]["digest"])
    return [prompt["user"] for prompt in frozen.prompts]


def problems(study, **fields):
    with pytest.raises(InvalidInputError) as caught:
        rescore(study, **fields)
    return {(problem.place, problem.message) for problem in caught.value.problems}


def test_front_trials_are_scored_beside_the_original_on_the_held_out_prompts(found):
    scoring = rescore(found)
    job = work()
    scoring.refresh_from_db()

    assert (job.status, job.error, job.result) == (Job.Status.DONE, "", {"n_trials": 2})
    assert [result.trial.number for result in scoring.results.all()] == [0, 1]
    for scores in (scoring.baseline, scoring.results.first().scores):
        assert {s["name"]: s["n"] for s in scores} == {"Keywords": 3, "KL divergence": 2}
        keywords = scores[0]
        assert keywords["value"] == keywords["hits"] / 3
        assert keywords["low"] < keywords["high"]
    assert scoring.baseline[1]["value"] == 0.0
    assert asked(scoring, "bad-test") == HELD_OUT


def test_divergence_is_from_the_originals_own_probabilities_on_the_held_out_prompts(found):
    trial = found.trials.get(number=0)
    scoring = rescore(found, trials=[0])
    work()

    session = sessions._kept.session
    frozen = FrozenPrompts.objects.get(pk=scoring.prompts["good"]["digest"]).prompts
    prompts = [Prompt(one["user"], one["system"]) for one in frozen]

    def first():
        texts = render(session.loaded.tokenizer, prompts)
        rows = [tokenize(session.loaded, [text], 1)[0].input_ids for text in texts]
        with torch.inference_mode():
            logits = [session.loaded.model(input_ids=ids).logits[0, -1] for ids in rows]
        return torch.stack(logits).float().log_softmax(dim=-1)

    before = first()
    with applied(session.method, trial_parameters(trial)):
        after = first()
    scored = scoring.results.get().scores[1]["value"]
    assert scored == pytest.approx(mean_kl(before, after), rel=1e-3)
    assert scored > 0


def test_the_kept_session_measures_afterwards_what_it_measured_before(found):
    session = prepared_session(found, Silent(), Silent()).session
    one = trial_parameters(found.trials.get(number=0))
    before = session.evaluate(one).scores
    rescore(found)
    work()

    assert sessions._kept.session is session
    assert session.evaluate(one).scores == before


def test_any_trials_can_be_named_but_only_those_that_have_a_result(found):
    assert rescore(found, trials=[1]).job.payload["trials"] == [1]
    assert problems(found, trials=[0, 2, 7, 0]) == {
        ("trials[1]", "trial 2 is failed; only complete trials can be scored"),
        ("trials[2]", "the study has no trial 7"),
        ("trials[3]", "appears twice (got 0)"),
    }
    assert problems(found, trials=[]) == {("trials", "needs at least one trial")}


def test_without_a_front_there_is_nothing_to_score(found):
    found.trials.update(is_pareto=False)

    assert problems(found) == {("trials", "the study has no trial on its front yet")}


def test_the_same_is_not_queued_twice(found):
    rescore(found)

    with pytest.raises(StatusConflictError):
        rescore(found)
    rescore(found, trials=[1])


def test_prompts_that_the_search_has_read_are_left_out_and_counted(found):
    add_set("mixed", "First  of BAD", "second of good", "Nobody asked this")

    scoring = rescore(found, prompts={"bad-test": "mixed"})

    row = scoring.prompts["bad-test"]
    assert (row["count"], row["dropped"], row["how"]) == (1, 2, "chosen")
    assert asked(scoring, "bad-test") == ["Nobody asked this"]


def test_a_set_that_the_search_has_read_whole_is_refused(found):
    add_set("same", "first of bad", "second of bad")

    assert problems(found, prompts={"bad-test": "same"}) == {
        (
            "prompts.bad-test",
            '"Same" has no prompt that is held out: the search has read all of its 2',
        )
    }


def test_sets_that_no_score_names_or_that_nobody_knows_are_refused(found):
    assert problems(found, prompts={"bad-tests": "x", "bad-test": "gone"}) == {
        ("prompts.bad-tests", 'stands behind no score; did you mean "bad-test"?'),
        ("prompts.bad-test", 'there is no prompt set "gone"'),
    }


def test_without_other_prompts_it_says_what_to_make(make_found):
    said = dict(problems(make_found()))

    assert set(said) == {"prompts.bad-test", "prompts.good"}
    assert "make one called bad-test-held-out" in said["prompts.bad-test"]


def test_what_no_scorer_read_of_a_set_stands_in_for_it(make_found):
    few = TINY_SETTINGS["scorers"][0] | {"settings": {"prompts": "many", "n_prompts": 2}}
    add_set("many", "one", "two", "three", "four", "five")
    study = make_found(scorers=[few])

    scoring = rescore(study)
    work()

    assert {"one", "two"} <= set(used_prompts(study))
    assert "three" not in used_prompts(study)
    assert asked(scoring, "many") == ["three", "four", "five"]
    scoring.refresh_from_db()
    assert scoring.baseline[0]["n"] == 2  # the scorer goes on reading two


@pytest.mark.parametrize(
    ("split", "beside"),
    [
        ("test[:100]", "test[100:]"),
        ("test[50:100]", "test[100:]"),
        ("test[100:]", "test[:100]"),
        ("test[:-100]", "test[-100:]"),
        ("test", None),
    ],
)
def test_rows_beside_the_slice_of_a_dataset_stand_in_for_it(make_study, split, beside):
    dataset = {"slug": "bad-test", "dataset": "owner/name", "split": split, "column": "text"}
    row = {"name": "B", "digest": "", "count": 4, "dataset": dataset}
    study = make_study()
    study.snapshot = study.snapshot | {"prompts": {"bad-test": row}}

    there = stand_in(study, "bad-test")

    assert (there and there["dataset"]["split"]) == beside
    assert there is None or (there["how"], there["most"]) == ("rows", 4)


def add_dataset(monkeypatch, rows):
    monkeypatch.setattr(rescoring, "dataset_lines", lambda prompt_set: rows)
    add_set("other", source="dataset", dataset="owner/name", split="test[4:]", column="text")


def test_a_dataset_is_read_by_the_worker_without_what_the_search_has_read(found, monkeypatch):
    add_dataset(monkeypatch, ["first of bad", *(f"Row {number}" for number in range(5))])
    scoring = rescore(found, trials=[0], prompts={"bad-test": "other"})
    assert scoring.prompts["bad-test"]["count"] is None

    assert work().status == Job.Status.DONE

    scoring.refresh_from_db()
    row = scoring.prompts["bad-test"]
    assert (row["count"], row["dropped"], scoring.baseline[0]["n"]) == (5, 1, 5)


def test_an_empty_slice_fails_with_its_name_before_a_model_is_loaded(found, monkeypatch):
    add_dataset(monkeypatch, ["first of bad"])
    monkeypatch.setattr(rescoring, "prepared_session", None)
    rescore(found, prompts={"bad-test": "other"})

    job = work()

    assert (job.status, job.error_code) == (Job.Status.FAILED, "prompt_set_unusable")
    assert '"Other" has no prompt that is held out' in job.error


def test_a_canceled_scoring_keeps_the_trials_that_are_done(found, monkeypatch):
    scoring = rescore(found)
    store = rescoring.result_store

    def store_and_cancel(*args):
        store(*args)
        job_stop(scoring.job_id)

    monkeypatch.setattr(rescoring, "result_store", store_and_cancel)

    assert work().status == Job.Status.CANCELED
    assert [result.trial.number for result in scoring.results.all()] == [0]


def test_a_worker_that_lost_the_job_stores_nothing_more(found, monkeypatch):
    scoring = rescore(found)
    store = rescoring.result_store

    def lose_and_store(*args):
        Job.objects.filter(pk=scoring.job_id).update(fence=9)
        store(*args)

    monkeypatch.setattr(rescoring, "result_store", lose_and_store)
    work()

    assert not scoring.results.exists()


def test_a_next_worker_scores_what_is_left_and_a_trial_at_fault_stops_no_other(found):
    broken = found.trials.get(number=1)
    broken.parameters = tiny_parameters(1e38)
    broken.save()
    scoring = rescore(found)
    trial = found.trials.get(number=0)
    ScoringResult.objects.create(scoring=scoring, trial=trial, scores=[])

    job = work()

    first, second = scoring.results.all()
    assert (job.status, first.scores, first.error) == (Job.Status.DONE, [], "")
    assert (second.trial.number, second.scores) == (1, [])
    assert "must be within -10 and 10" in second.error
