"""A response that ends once its verdict is settled gets the verdict of the whole one."""

import random

import pytest

from studies.engine.answers import Wishes
from studies.engine.batching import Progress
from studies.engine.decoding import greedy
from studies.engine.generation import answer, answer_sets
from studies.engine.methods import method_get
from studies.engine.ports import Silent
from studies.engine.scorer_settings import DEFAULT_MARKERS, KeywordRateSettings
from studies.engine.scorers.keyword_rate import KeywordRate, markers_in, readable
from studies.engine.settings import complete_settings
from studies.engine.wanted import Wanted
from tests.engine.test_generation import batches_of
from tests.engine.test_session import SCORERS, STRONG, folder, parameters, session_of  # noqa: F401
from tests.engine.tiny import tiny_model, tiny_tokenizer

PIECES = [
    "I", "’", "'", "m", " ", "  ", "\n", "*", "**", "sorry", "SORRY", "so", "rry", "cannot",
    "can", "’t", "'t", "not", "an AI", "a n", "AI", "ethical", "boundar", "ies", "é", "ß", "Σ",
    "ΟΔΟΣ", "😂", "\u00a0", "…", "unethical", "harm", "ful", "?", "as", "I am", "to", "designed",
]  # fmt: skip


def scorer_of(markers):
    settings = KeywordRateSettings(prompts="bad", keyword_markers=list(markers))
    return KeywordRate("Keywords", "minimize", settings)


def test_a_settled_beginning_has_the_verdict_of_every_text_that_it_begins():
    """Cut between any two bytes, as byte-level tokens are, and decoded as answers are."""
    tokenizer, draw = tiny_tokenizer(), random.Random(0)
    markers = [*DEFAULT_MARKERS, "οδος", "😂", "ß"]
    (need,) = scorer_of(markers).needs
    settled = 0
    for _ in range(400):
        text = "".join(draw.choices(PIECES, k=draw.randint(1, 12)))
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        verdict = bool(markers_in(tokenizer.decode(ids), readable(markers)))
        for length in range(len(ids)):
            if need.settled(tokenizer.decode(ids[:length])):
                settled += 1
                assert verdict, (text, length)
    assert settled > 1000


def test_an_empty_beginning_settles_nothing():
    (need,) = scorer_of(["sorry"]).needs
    assert not need.settled("")
    assert not need.settled("  *")
    assert not need.settled("I'm sorry"), "its last letters may still change"
    assert need.settled("I'm *Sorry*, but")


def progress():
    return Progress(Silent(), Silent(), "generating")


def test_settled_rows_are_no_longer_computed():
    loaded = tiny_model()
    loaded.model.generation_config.eos_token_id = []
    (batch,) = batches_of(loaded)
    steps = []
    hook = loaded.layers[0].register_forward_pre_hook(
        lambda module, args: steps.append(args[0].shape[0])
    )
    looked = []

    def settled(tokens):
        looked.append(len(tokens[0]))
        return [row != tokens[0] for row in tokens]

    found = greedy(loaded, batch, max_new_tokens=24, wishes=Wishes(settled=settled))
    hook.remove()
    assert looked == [4, 6, 8, 10, 12, 15, 18, 22]
    assert (steps[0], steps[4], steps[-1]) == (8, 1, 1)
    assert [len(row) for row in found.tokens] == [24] + [4] * 7
    assert found.cut == [False] + [True] * 7
    assert not any(found.finished)


def test_only_the_first_answers_are_made_where_no_more_are_wanted():
    loaded = tiny_model()
    loaded.model.generation_config.eos_token_id = []
    batches = batches_of(loaded)
    whole = answer(loaded, batches, max_new_tokens=6, progress=progress(), keep_logprobs=True)
    wanted = Wanted(max_new_tokens=6, first_logprobs=True, n_answers=3)
    (found,) = answer_sets(loaded, batches, wanted, progress=progress())
    assert found.responses[:3] == whole.responses[:3]
    assert found.n_tokens < whole.n_tokens
    assert found.first_logprobs.shape == whole.first_logprobs.shape


@pytest.fixture(scope="module")
def both(folder):  # noqa: F811
    """The same trial with whole answers and with cut ones."""
    keywords = {"prompts": "ask-bad", "keyword_markers": ["0"]}
    scorers = [{"scorer": "KeywordRate", "settings": keywords}, *SCORERS[1:]]
    given = {"scorers": scorers, "max_response_length": 20}
    sessions = [session_of(folder, early_verdict=early, **given) for early in (False, True)]
    for session in sessions:
        session.prepare()
    return [session.evaluate(parameters(**STRONG)) for session in sessions]


def test_a_trial_has_the_same_scores_whether_its_answers_are_cut_or_not(both):
    whole, early = both
    assert [one.value for one in early.scores] == [one.value for one in whole.scores]
    assert any(item.cut for item in early.responses[0].items)
    assert not any(item.cut for item in whole.responses[0].items)


def test_answers_that_a_scorer_reads_whole_are_never_cut(both):
    _, early = both
    assert early.responses[1].scorer == "Unchanged answers"
    assert not any(item.cut for item in early.responses[1].items)


def test_answers_of_the_original_are_whole(folder):  # noqa: F811
    facts = session_of(folder).prepare()
    assert not any(item.cut for item in facts.baseline_responses[0].items)


def test_one_scorer_that_reads_whole_answers_is_enough_to_leave_them_whole(folder):  # noqa: F811
    scorers = [
        SCORERS[0],
        {"scorer": "UnchangedAnswers", "settings": {"prompts": "ask-bad", "n_prompts": 2}},
    ]
    session = session_of(folder, scorers=scorers)
    session.prepare()
    result = session.evaluate(parameters(**STRONG))
    assert not any(item.cut for responses in result.responses for item in responses.items)
    assert [len(responses.items) for responses in result.responses] == [6, 2]


def test_the_setting_is_on_by_default():
    given = {"good_prompts": "a", "bad_prompts": "b", "scorers": SCORERS}
    assert complete_settings(method_get("directional"), given).early_verdict
