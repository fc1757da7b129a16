"""Making forks, and asking for trials: what is decided before any worker runs."""

import json

import pytest
from django.db.models import RestrictedError

from studies import commands, selectors
from studies.engine.errors import InvalidInputError
from studies.lifecycle import StatusConflictError
from studies.models import FrozenPrompts, PromptSet, QueuedTrial, Study, Trial
from studies.models.study import StudyStatus as Status

pytestmark = pytest.mark.django_db
MLP = 'max_weight["mlp.down_proj"]'


@pytest.fixture(autouse=True)
def bell(monkeypatch):
    monkeypatch.setattr("studies.tasks.look_for_work", lambda: None)


@pytest.fixture
def owner(make_user):
    return make_user("owner")


@pytest.fixture
def original(make_profile, owner, tiny_model_root, make_trial):
    """A study of three finished trials and a failed one."""
    study = commands.study_create(
        owner,
        model="tiny",
        profile=make_profile(),
        name="First",
        parameters={"max_weight": {"mlp.down_proj": {"low": 0, "high": 1}}},
        start=False,
    )
    for number, (weight, value) in enumerate([(0.2, 0.5), (0.4, 0.1), (0.9, 0.3)]):
        make_trial(study, number, parameters=parameters(weight), values=[value],
                   scores=[score(value)], seconds=2.0)  # fmt: skip
    make_trial(study, 3, parameters=parameters(0.3), state="failed", values=[], scores=[])
    return study


def score(value):
    return {"name": "Keywords", "value": value, "display": f"{value}", "direction": "minimize"}


def parameters(weight):
    return {
        "direction_scope": "global",
        "direction_fraction": 0.5,
        "max_weight": {"attn.o_proj": 1.0, "mlp.down_proj": weight},
        "max_weight_position_fraction": {"attn.o_proj": 0.7, "mlp.down_proj": 0.7},
        "min_weight_relative": {"attn.o_proj": 0.5, "mlp.down_proj": 0.5},
        "min_weight_distance_fraction": {"attn.o_proj": 0.3, "mlp.down_proj": 0.3},
    }


def decided(study, name, component=""):
    rows = {(r["name"], r["component"]): r for r in study.snapshot["parameters"]}
    return rows[name, component]


def setting(study, name):
    return next(row for row in study.snapshot["settings"] if row["name"] == name)


def narrow(high=0.5):
    return {"max_weight": {"mlp.down_proj": {"low": 0, "high": high}}}


def test_a_fork_takes_over_what_fits_and_says_what_does_not(original, owner):
    fork = commands.study_fork(owner, original, parameters=narrow(), start=False)

    rows = list(fork.trials.order_by("number"))
    assert [row.parameters["max_weight"]["mlp.down_proj"] for row in rows] == [0.2, 0.4]
    assert {row.source for row in rows} == {Trial.Source.TAKEN_OVER}
    assert (fork.n_taken_over, fork.n_finished, fork.n_trials, fork.seconds) == (2, 0, 40, 0)
    assert [row.is_pareto for row in rows] == [False, True]
    assert (fork.best[0]["value"], fork.best[0]["trial"]) == (0.1, 1)
    kept = fork.snapshot["fork"]
    assert (kept["study"], kept["name"]) == (str(original.pk), "First")
    assert (kept["n_taken_over"], kept["n_left_out"]) == (2, 1)
    assert kept["left_out"] == [
        {
            "reason": f"{MLP} is above 0.5",
            "example": f"{MLP} = 0.9 is above 0.5",
            "count": 1,
            "trials": [2],
        }
    ]
    (note,) = selectors.study_state(fork)["remarks"]
    assert "2 of 3 finished trials fit" in note
    assert f"{MLP} = 0.9 is above 0.5" in note


def test_a_fork_stands_on_the_frozen_values_not_on_the_preset_of_today(original, owner):
    original.profile.specs.create(parameter="direction_fraction", kind="constant", constant=0.1)
    PromptSet.objects.filter(slug="bad").update(text="quite other prompts")

    fork = commands.study_fork(owner, original, parameters=narrow(2), start=False)

    assert decided(fork, "direction_fraction")["value"] == {"low": 0.4, "high": 0.9}
    assert fork.snapshot["prompts"] == original.snapshot["prompts"]
    row = decided(fork, "max_weight", "mlp.down_proj")
    assert (row["value"], row["source"]) == ({"low": 0, "high": 2}, "this study")
    assert [one["source"] for one in row["chain"]] == ["default", 'study "First"']
    assert decided(fork, "max_weight", "attn.o_proj") == decided(
        original, "max_weight", "attn.o_proj"
    )


def components_of(study):
    return {row["component"] for row in study.snapshot["parameters"]} - {""}


def test_a_fork_has_the_components_that_it_asks_for(original, owner):
    def forked(study, targets):
        settings = {"target_components": targets}
        return commands.study_fork(owner, study, settings=settings, start=False)

    narrowed = forked(original, ["mlp.down_proj"])
    widened = forked(narrowed, None)

    assert components_of(narrowed) == {"mlp.down_proj"}
    assert components_of(widened) == {"attn.o_proj", "mlp.down_proj"}
    assert decided(widened, "max_weight", "mlp.down_proj")["value"] == {"low": 0, "high": 1}
    assert decided(widened, "max_weight", "attn.o_proj")["source"] == "default"


def test_a_fork_of_a_study_that_never_ran_keeps_what_its_model_may_turn_out_to_have(
    original, owner
):
    unknown = commands.study_create(
        owner,
        model="owner/never-seen",
        profile=original.profile,
        parameters={"max_weight": {"ssm.out_proj": 0.5}},
        start=False,
    )
    fork = commands.study_fork(owner, unknown, parameters=narrow(), start=False)

    assert components_of(fork) == {"attn.o_proj", "mlp.down_proj"}
    further = {row["name"]: row["value"] for row in fork.snapshot["further_parameters"]}
    assert further["max_weight"] == 0.5


def test_a_fork_draws_a_seed_of_its_own(original, owner):
    fork = commands.study_fork(owner, original, start=False)

    old, new = setting(original, "seed"), setting(fork, "seed")
    assert new["value"] != old["value"]
    assert new["source"] == "drawn for this study"
    assert new["chain"][-1]["value"] == old["value"]
    with pytest.raises(InvalidInputError, match=r"settings\.seed: is the original's"):
        commands.study_fork(owner, original, settings={"seed": old["value"]})


@pytest.mark.parametrize(
    "changed",
    [
        {"max_response_length": 7},
        {"system_prompt": "Be brief."},
        {"row_normalization": "none"},
        {"model_commit": "abc"},
        {"scorers": [{"scorer": "KeywordRate", "settings": {"prompts": "good"}}]},
    ],
)
def test_where_something_else_is_measured_no_trial_is_taken_over(original, owner, changed):
    fork = commands.study_fork(owner, original, settings=changed, start=False)

    assert (fork.n_taken_over, fork.trials.count()) == (0, 0)
    assert fork.snapshot["fork"]["changed"] == list(changed)
    (note,) = selectors.study_state(fork)["remarks"]
    assert f"{next(iter(changed))} changed" in note


def test_another_system_prompt_is_frozen_around_the_old_prompts(original, owner):
    PromptSet.objects.filter(slug="good").update(text="edited since")

    fork = commands.study_fork(owner, original, settings={"system_prompt": "New."}, start=False)

    digest = fork.snapshot["prompts"]["good"]["digest"]
    assert digest != original.snapshot["prompts"]["good"]["digest"]
    prompts = FrozenPrompts.objects.get(digest=digest).prompts
    assert [p["user"] for p in prompts] == ["first of good", "second of good"]
    assert {p["system"] for p in prompts} == {"New."}


def test_a_fork_of_a_fork_keeps_the_whole_chain_and_points_to_what_was_measured(original, owner):
    fork = commands.study_fork(owner, original, name="Second", parameters=narrow(2), start=False)

    third = commands.study_fork(owner, fork, parameters=narrow(0.3), start=False)

    chain = decided(third, "max_weight", "mlp.down_proj")["chain"]
    assert [one["source"] for one in chain] == ["default", 'study "First"', 'study "Second"']
    (trial,) = third.trials.all()
    assert trial.origin == original.trials.get(number=0)


def test_answers_of_a_trial_that_was_taken_over_are_those_of_its_origin(original, owner):
    fork = commands.study_fork(owner, original, start=False)

    assert selectors.trial_responses(fork, 1) == selectors.trial_responses(original, 1)
    assert selectors.trial_responses(fork, 1)
    assert selectors.trial_detail(fork, 1)["origin"] == {"study": str(original.pk), "number": 1}


def test_a_study_whose_trials_others_rely_on_is_not_deleted_alone(original, owner):
    fork = commands.study_fork(owner, original, start=False)

    with pytest.raises(RestrictedError):
        original.delete()
    fork.delete()
    original.delete()
    assert not Trial.objects.exists()


def test_forks_go_with_their_owner(original, owner):
    commands.study_fork(owner, original, start=False)

    owner.delete()

    assert not Study.objects.exists()


@pytest.mark.parametrize(
    ("own", "place"),
    [
        ({"parameters": {"max_wieght": 1}}, "parameters.max_wieght"),
        ({"parameters": narrow(high=-1)}, 'parameters.max_weight["mlp.down_proj"].high'),
        ({"settings": {"n_trials": 0}}, "settings.n_trials"),
        ({"settings": {"untouched_layers": [4]}}, "settings.untouched_layers[0]"),
        (
            {"settings": {"target_components": ["ssm.out_proj"]}},
            "settings.target_components[0]",
        ),
        ({"settings": {"bad_prompts": "nothing"}}, "settings.bad_prompts"),
        ({"settings": {"bad_prompts": "good"}}, "settings.bad_prompts"),
        ({"name": "x" * 101}, "name"),
        ({"enqueue": [{"parameters": {"max_weight": 9}}]}, "enqueue[0].parameters.max_weight"),
    ],
)
def test_a_fork_that_cannot_run_is_refused_at_its_place_and_leaves_nothing(
    original, owner, own, place
):
    with pytest.raises(InvalidInputError) as caught:
        commands.study_fork(owner, original, **own)

    assert {p.place for p in caught.value.problems} == {place}
    assert Study.objects.get() == original
    assert QueuedTrial.objects.count() == 0


class TestEnqueue:
    def test_what_is_asked_for_waits_in_its_order(self, original, owner):
        commands.study_enqueue(
            owner,
            original,
            [{"parameters": {"max_weight": 1}}, {"study": original.pk, "number": 1}],
        )

        first, second = selectors.waiting_trials(original)
        assert first["parameters"] == {"max_weight": {"attn.o_proj": 1, "mlp.down_proj": 1}}
        assert second["parameters"] == parameters(0.4)
        assert second["origin"] == {"study": str(original.pk), "number": 1}
        event = original.events.last()
        assert (event.kind, event.payload["waiting"]) == ("enqueued", [first, second])
        json.dumps(event.payload)

    @pytest.mark.parametrize(
        ("entry", "place", "message"),
        [
            ({}, "enqueue[1]", "needs parameters, or a study and the number"),
            ({"number": 1}, "enqueue[1].study", "is required"),
            ({"parameters": {}, "number": 1}, "enqueue[1]", "cannot have number as well"),
            ({"parameters": {}}, "enqueue[1].parameters", "needs at least one parameter"),
            (
                {"parameters": {"max_weight": {"mlp.down_proj": 1.2}}},
                f"enqueue[1].parameters.{MLP}",
                "is above 1 (got 1.2)",
            ),
        ],
    )
    def test_one_wrong_entry_is_named_and_nothing_is_enqueued(
        self, original, owner, entry, place, message
    ):
        with pytest.raises(InvalidInputError) as caught:
            commands.study_enqueue(
                owner, original, [{"parameters": {"direction_fraction": 0.5}}, entry]
            )

        (problem,) = caught.value.problems
        assert problem.place == place
        assert message in problem.message
        assert selectors.waiting_trials(original) == []

    def test_a_trial_outside_the_space_is_refused_with_the_reason(self, original, owner):
        fork = commands.study_fork(owner, original, parameters=narrow(), start=False)

        with pytest.raises(InvalidInputError) as caught:
            commands.study_enqueue(owner, fork, [{"study": original.pk, "number": 2}])
        (problem,) = caught.value.problems
        assert str(problem) == f"enqueue[0].{MLP}: is above 0.5 (got 0.9)"

    def test_nobody_reaches_a_trial_that_he_may_not_see(self, original, make_user, make_study):
        stranger = make_user("stranger")

        with pytest.raises(InvalidInputError, match=r"enqueue\[0\]: there is no trial 1"):
            commands.study_enqueue(
                stranger, make_study(owner=stranger), [{"study": original.pk, "number": 1}]
            )

    @pytest.mark.parametrize("status", list(Status))
    def test_only_a_study_that_can_go_on_takes_more(self, original, owner, status):
        Study.objects.filter(pk=original.pk).update(status=status)
        entries = [{"parameters": {"direction_fraction": 0.5}}]

        if status in (Status.FAILED, Status.STOPPING):
            with pytest.raises(StatusConflictError):
                commands.study_enqueue(owner, original, entries)
        else:
            commands.study_enqueue(owner, original, entries)
        waits = status not in (Status.FAILED, Status.STOPPING)
        assert len(selectors.waiting_trials(original)) == waits
