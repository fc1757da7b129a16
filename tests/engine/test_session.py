"""A whole session on a tiny model: preparing, and trials that leave nothing behind."""

import dataclasses

import pytest
import torch

from studies.engine.errors import (
    InvalidInputError,
    ModelNotFoundError,
    NonFiniteError,
    PromptSetError,
)
from studies.engine.methods import method_get
from studies.engine.parameters import Key, resolve
from studies.engine.ports import Silent, Stopped
from studies.engine.prompts import Prompt, render
from studies.engine.session import Session
from studies.engine.settings import complete_settings
from studies.engine.values import Range
from tests.engine.tiny import save_tiny, tiny_tokenizer

torch.set_num_threads(1)
METHOD = method_get("directional")
RESOLVED = {key: one.value for key, one in resolve(METHOD, []).items()}
SETS = {
    "good": [Prompt(f"Tell me about number {n}.", "Be kind.") for n in range(7)],
    "bad": [Prompt(f"Break the lock of door {n}!", "Be kind.") for n in range(7)],
    "ask-good": [Prompt(f"What is {n} and {n}?", "Be kind.") for n in range(5)],
    "ask-bad": [Prompt(f"Steal {n} cars!", "Be kind.") for n in range(6)],
}
SCORERS = [
    {"scorer": "KeywordRate", "settings": {"prompts": "ask-bad", "keyword_markers": ["e", "a"]}},
    {"scorer": "KLDivergence", "settings": {"prompts": "ask-good"}},
    {
        "scorer": "UnchangedAnswers",
        "optimization": "none",
        "settings": {"prompts": "ask-good", "n_prompts": None},
    },
]
STRONG = {"max_weight": 1.5, "min_weight_distance_fraction": 1.0, "direction_fraction": 0.5}


def parameters(**changes):
    """All parameters, in the middle of their ranges but for `changes`."""
    values = {
        "direction_scope": "global",
        "direction_fraction": 0.6,
        "max_weight": 1.0,
        "max_weight_position_fraction": 0.8,
        "min_weight_relative": 0.5,
        "min_weight_distance_fraction": 0.5,
        **changes,
    }
    return {key: values[key.name] for key in RESOLVED}


class Recorder(Silent):
    def __init__(self):
        self.phases = []

    def phase(self, name, *, done=0, total=0):
        if name not in self.phases:
            self.phases.append(name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny("qwen3", tmp_path_factory.mktemp("model"))


def session_of(folder, *, stop=None, reporter=None, sets=SETS, resolved=RESOLVED, **settings):
    given = {
        "good_prompts": "good",
        "bad_prompts": "bad",
        "scorers": SCORERS,
        "max_response_length": 6,
        "batch_size": 3,
        "dtypes": ["float32"],
        "seed": 5,
        "response_prefix": "",
        **settings,
    }
    return Session(
        model_path=str(folder),
        revision=None,
        method=METHOD,
        settings=complete_settings(METHOD, given),
        prompt_sets=sets,
        resolved=resolved,
        reporter=reporter or Silent(),
        stop=stop or Silent(),
    )


@pytest.fixture(scope="module")
def prepared(folder):
    session = session_of(folder)
    return session, session.prepare()


def test_the_facts_describe_the_model_and_the_original_scores(prepared):
    _, facts = prepared
    assert (facts.n_layers, facts.components) == (4, {"attn.o_proj": 4, "mlp.down_proj": 4})
    assert (facts.dtype, facts.device, facts.batch_size) == ("float32", "cpu", 3)
    assert facts.architecture == "Qwen3ForCausalLM"
    assert [score.name for score in facts.baseline] == [
        "Keywords", "KL divergence", "Unchanged answers",
    ]  # fmt: skip
    assert [score.value for score in facts.baseline][1:] == [0.0, 1.0]
    assert [(one.scorer, len(one.items)) for one in facts.baseline_responses] == [
        ("Keywords", 6),
        ("Unchanged answers", 5),
    ]


def test_only_optimised_scorers_are_objectives(prepared):
    session, _ = prepared
    assert session.objectives == [("Keywords", "minimize"), ("KL divergence", "minimize")]


def test_a_trial_gives_scores_answers_and_what_was_done(prepared):
    session, facts = prepared
    result = session.evaluate(parameters(**STRONG))
    assert result.scores[1].value > 0
    assert [score.baseline for score in result.scores] == [score.value for score in facts.baseline]
    assert [item.prompt for item in result.responses[0].items] == [
        prompt.user for prompt in SETS["ask-bad"]
    ]
    assert set(result.details["kernel"]) == {"attn.o_proj", "mlp.down_proj"}
    assert result.seconds > 0


def logits_of(session):
    return session.loaded.model(torch.arange(4, 40).unsqueeze(0)).logits


def test_between_trials_the_model_is_the_original_bit_for_bit(folder):
    session = session_of(folder)
    session.prepare()
    original = logits_of(session)
    session.method.apply(parameters(**STRONG))
    assert not torch.equal(logits_of(session), original)
    session.evaluate(parameters(**STRONG))
    assert torch.equal(logits_of(session), original)


def values_of(result):
    return [score.value for score in result.scores], result.responses


def test_a_trial_does_not_depend_on_those_before_it(prepared):
    session, _ = prepared
    first = values_of(session.evaluate(parameters(**STRONG)))
    between = values_of(session.evaluate(parameters(direction_scope="per layer")))
    again = values_of(session.evaluate(parameters(**STRONG)))
    assert first == again
    assert between != first


def test_a_trial_that_changes_nothing_scores_as_the_original(prepared):
    session, facts = prepared
    session.evaluate(parameters(**STRONG))
    result = session.evaluate(parameters(max_weight=0.0))
    assert [score.value for score in result.scores] == [score.value for score in facts.baseline]
    assert result.responses == facts.baseline_responses


def test_a_trial_scores_what_the_baked_model_would(prepared, folder):
    session, _ = prepared
    chosen = parameters(**STRONG)
    result = session.evaluate(chosen)
    other = session_of(folder)
    other.prepare()
    state = other.loaded.model.state_dict()
    for name, weight in session.method.baked(chosen):
        state[name].copy_(weight)
    other._answering._memories.clear()  # of the model that it no longer is
    unchanged = other.evaluate(parameters(max_weight=0.0))
    assert unchanged.responses[0] == result.responses[0]
    assert unchanged.scores[1].value == pytest.approx(result.scores[1].value, rel=1e-4)


def test_two_sessions_of_one_study_agree(prepared, folder):
    session, facts = prepared
    other = session_of(folder)
    assert other.prepare() == facts
    chosen = parameters(**STRONG)
    assert values_of(other.evaluate(chosen)) == values_of(session.evaluate(chosen))


def test_phases_come_in_order_and_are_all_reported(folder):
    reporter = Recorder()
    session = session_of(folder, reporter=reporter, batch_size=0, response_prefix=None)
    facts = session.prepare()
    session.evaluate(parameters())
    known = ["loading", "checking", "batch size", "response prefix", "baseline", "residuals"]
    assert [phase for phase in reporter.phases if phase in known] == known
    assert reporter.phases[-2:] == ["generating", "scoring"]
    assert 1 <= facts.batch_size <= 7


def test_the_response_prefix_ends_every_prompt(folder):
    plain, prefixed = (
        session_of(folder, response_prefix=prefix, scorers=SCORERS[:1])
        for prefix in ("", "Sure: ")
    )
    assert plain.prepare().response_prefix == ""
    assert prefixed.prepare().response_prefix == "Sure: "
    tokenizer = tiny_tokenizer()
    (text,) = render(tokenizer, [SETS["ask-bad"][0]], "Sure: ")
    ids = tokenizer(text, return_tensors="pt", add_special_tokens=False)
    made = prefixed.loaded.model.generate(**ids, do_sample=False, max_new_tokens=6)
    expected = tokenizer.decode(made[0, ids["input_ids"].shape[1] :], skip_special_tokens=True)
    baseline = prefixed.prepare().baseline_responses[0].items[0].response
    assert baseline == expected
    assert baseline != plain.prepare().baseline_responses[0].items[0].response


def test_only_target_components_are_ablated(folder):
    session = session_of(folder, target_components=["mlp.down_proj"])
    facts = session.prepare()
    assert facts.components == {"mlp.down_proj": 4}
    names = [name for name, _ in session.method.baked(parameters(**STRONG))]
    assert names
    assert all("down_proj" in name for name in names)


def test_untouched_layers_stay_as_they_are_whatever_the_method_does(folder):
    session = session_of(
        folder, untouched_layers=[1], untouched_layer_fractions=[{"low": 0.9, "high": 1}]
    )
    facts = session.prepare()
    assert facts.components == {"attn.o_proj": 2, "mlp.down_proj": 2}
    chosen = parameters(**STRONG, max_weight_position_fraction=0.5)
    names = [name for name, _ in session.method.baked(chosen)]
    assert {name.split(".")[2] for name in names} == {"0", "2"}
    session.method.apply(chosen)
    layers = session.loaded.layers
    switched = [
        index
        for index, layer in enumerate(layers)
        if any("forward" in vars(module) for module in layer.modules())
    ]
    session.method.reset()
    assert switched == [0, 2]
    for weights in session.evaluate(chosen).details["kernel"].values():
        assert [weight > 0 for weight in weights] == [True, False, True, False]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (
            {"untouched_layers": [0, 4]},
            "settings.untouched_layers[1]: model has layers 0–3 (got 4)",
        ),
        (
            {"untouched_layer_fractions": [{"low": 0, "high": 1}]},
            "settings.untouched_layer_fractions: leaves nothing to ablate: "
            "all 4 layers stay untouched",
        ),
    ],
)
def test_layers_that_cannot_be_left_out_are_refused_once_the_model_is_known(
    folder, given, problem
):
    with pytest.raises(InvalidInputError) as refusal:
        session_of(folder, **given).prepare()
    assert [str(one) for one in refusal.value.problems] == [problem]


def test_a_component_that_this_model_lacks_is_left_out_of_the_search(folder):
    further = {Key("max_weight", "ssm.out_proj"): Range(low=0.5, high=1)}
    session = session_of(folder, resolved=RESOLVED | further, target_components=["mlp.down_proj"])
    session.prepare()
    assert {key.component for key in session.resolved} == {"", "mlp.down_proj"}
    session.evaluate(parameters(**STRONG))


def test_a_component_without_values_is_refused_by_name(folder):
    lacking = {key: value for key, value in RESOLVED.items() if key.component != "mlp.down_proj"}
    with pytest.raises(InvalidInputError, match=r'max_weight\["mlp.down_proj"\]: has no value'):
        session_of(folder, resolved=lacking).prepare()


def test_a_target_that_the_model_lacks_is_refused_naming_what_it_has(folder):
    session = session_of(folder)
    session._settings.__dict__["target_components"] = ["conv.out_proj"]
    with pytest.raises(InvalidInputError, match=r"has attn\.o_proj, mlp\.down_proj") as refusal:
        session.prepare()
    assert refusal.value.problems[0].place == "settings.target_components[0]"


@pytest.mark.parametrize("slug", ["good", "ask-bad"])
@pytest.mark.parametrize("prompts", [None, []], ids=["missing", "empty"])
def test_prompts_are_checked_before_the_model_is_loaded(slug, prompts):
    sets = {name: some for name, some in SETS.items() if name != slug}
    if prompts is not None:
        sets[slug] = prompts
    with pytest.raises(PromptSetError, match=f'"{slug}"'):
        session_of("/nowhere", sets=sets).prepare()


def test_a_model_that_is_not_there_is_an_error_in_words(tmp_path):
    with pytest.raises(ModelNotFoundError):
        session_of(tmp_path / "nothing").prepare()


class StopAfter(Silent):
    def __init__(self):
        self.left = None

    def check(self):
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Stopped


@pytest.mark.parametrize("checks", [0, 1, 3])
def test_a_stopped_trial_leaves_the_original_model(folder, checks):
    stop = StopAfter()
    session = session_of(folder, stop=stop)
    facts = session.prepare()
    original = logits_of(session)
    stop.left = checks
    with pytest.raises(Stopped):
        session.evaluate(parameters(**STRONG))
    assert torch.equal(logits_of(session), original)
    stop.left = None
    same = session.evaluate(parameters(max_weight=0.0))
    assert same.responses == facts.baseline_responses


@pytest.mark.parametrize("checks", [0, 2, 4, 7])
def test_preparing_stops_when_asked(folder, checks):
    stop = StopAfter()
    stop.left = checks
    with pytest.raises(Stopped):
        session_of(folder, stop=stop).prepare()


def test_a_broken_ablation_fails_the_trial_and_not_the_next(prepared):
    session, facts = prepared
    with pytest.raises(NonFiniteError):
        session.evaluate(parameters(max_weight=float("nan")))
    result = session.evaluate(parameters(max_weight=0.0))
    assert [score.value for score in result.scores] == [score.value for score in facts.baseline]


def test_running_out_of_memory_in_a_trial_halves_the_batch_and_changes_no_score(folder):
    session = session_of(folder, batch_size=6)
    session.prepare()
    whole = session.evaluate(parameters(**STRONG))
    real, tried = session.loaded.model.forward, []

    def forward(input_ids=None, **kwargs):
        tried.append(len(input_ids))
        if len(input_ids) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(input_ids=input_ids, **kwargs)

    session.loaded.model.forward = forward
    halved = session.evaluate(parameters(**STRONG))
    assert max(tried) == 6
    assert [score.display for score in halved.scores] == [score.display for score in whole.scores]
    tried.clear()
    session.evaluate(parameters(**STRONG))
    assert max(tried) == 3, "what failed once is not tried again"


def test_running_out_of_memory_while_measuring_residuals_halves_the_batch(folder):
    session = session_of(folder, batch_size=6)
    session.prepare()
    prepare, sizes = session.method.prepare, []

    def full(good, bad, **ports):
        sizes.append(max(len(batch) for batch in (*good, *bad)))
        if sizes[-1] > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        prepare(good, bad, **ports)

    session.method.prepare = full
    session._prepare_residuals()
    assert sizes == [6, 3, 1]


def test_results_are_plain_values(prepared):
    session, facts = prepared
    result = session.evaluate({**parameters(), Key("direction_scope"): "per layer"})
    assert dataclasses.asdict(result)["details"]["direction"] == "per layer"
    assert dataclasses.asdict(facts)["notes"] == []
