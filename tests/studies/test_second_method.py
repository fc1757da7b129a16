"""A study with the second method, from its preset to its trials, through the same runner."""

import threading

import pytest

from studies import commands, runner
from studies.engine.errors import InvalidInputError
from studies.jobs import job_claim
from studies.models.study import StudyStatus as Status
from studies.parameters import profile_resolve
from studies.selectors import trial_out
from tests.conftest import SETTINGS

pytestmark = pytest.mark.django_db(transaction=True)
SMALL = {
    "n_trials": 4,
    "n_startup_trials": 2,
    "good_prompts": "good",
    "bad_prompts": "bad",
    "batch_size": 4,
    "max_response_length": 4,
    "response_prefix": "",
    "seed": 7,
    "dtypes": ["float32"],
    "untouched_layers": [1],
    "scorers": SETTINGS["scorers"],
}


@pytest.fixture
def profile(make_profile):
    return make_profile("rank", method="arbitrary_rank", settings=SMALL)


def test_a_study_with_it_runs_to_its_end(
    profile, make_user, tiny_model_root, optuna_storage, monkeypatch
):
    monkeypatch.setattr("studies.tasks.look_for_work", lambda: None)
    study = commands.study_create(
        make_user(), model="tiny", profile=profile, parameters={"neighbor_count": [1, 2]}
    )

    runner.run(job_claim("worker"), lease_lost=threading.Event())

    study.refresh_from_db()
    assert (study.status, study.n_finished, study.error) == (Status.COMPLETED, 4, "")
    assert study.facts["components"] == {"attn.o_proj": 1, "mlp.down_proj": 1}
    for trial in map(trial_out, study.trials.all()):
        assert trial["parameters"]["neighbor_count"] in (1, 2)
        assert (trial["kernel"], trial["direction"]) == ({}, "")
        assert set(trial["details"]) == {"layers"}


def test_its_table_shows_its_own_parameters_with_layers(profile, tiny_model_root):
    rows = profile_resolve(profile, "tiny").as_json()["parameters"]

    assert [(row["name"], row["component"]) for row in rows] == [
        ("start_layer_fraction", ""),
        ("end_layer_fraction", ""),
        ("preserve_good_weight", ""),
        ("steer_bad_weight", ""),
        ("overcorrect_weight", ""),
        ("neighbor_count", ""),
    ]
    shown = {row["name"]: (row["display"], row["layers"]) for row in rows}
    assert shown["start_layer_fraction"] == ("0.3 … 0.7", {"low": 0.3, "high": 0.7})
    assert shown["steer_bad_weight"] == ("0.01 … 1.0 (log)", None)
    assert shown["neighbor_count"] == ("1 … 15 (integer)", None)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"neighbor_count": 2.5}, "neighbor_count: must be a whole number (got 2.5)"),
        (
            {"neighbor_count": {"low": 1, "high": 9}},
            "neighbor_count: must be a range of whole numbers: set integer to true",
        ),
        ({"neighbor_count": 0}, "neighbor_count: must be within 1 and 100 (got 0)"),
        (
            {"steer_bad_weight": {"low": 0, "high": 1, "log": True}},
            "steer_bad_weight.low: must be above 0 on a log scale (got 0)",
        ),
        (
            {"neighbor_count": {"attn.o_proj": 2}},
            'neighbor_count["attn.o_proj"]: neighbor_count is one value for all components',
        ),
        (
            {"neighbour_count": 2},
            "neighbour_count: is not a parameter of the method arbitrary_rank; "
            'did you mean "neighbor_count"?',
        ),
    ],
    ids=str,
)
def test_its_values_are_checked_like_those_of_any_method(profile, parameters, message):
    with pytest.raises(InvalidInputError) as refusal:
        profile_resolve(profile, parameters=parameters)

    assert [str(one) for one in refusal.value.problems] == [f"parameters.{message}"]
