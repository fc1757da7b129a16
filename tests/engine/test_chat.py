"""A chat beside the original: the same model as in trials, streamed without half characters."""

import pytest
import torch
from pydantic import ValidationError

from studies.engine.chat import Column, Talk
from studies.engine.chat_options import ChatSettings, ChatTurnIn
from studies.engine.errors import DialogueTooLongError, NonFiniteError
from studies.engine.prompts import Message, render_dialogue
from studies.engine.tables import problems_of
from tests.engine.test_session import parameters, session_of
from tests.engine.tiny import save_tiny, tiny_tokenizer

torch.set_num_threads(1)
SYSTEM = "Be kind."
STRONG = parameters(max_weight=1.5, min_weight_distance_fraction=1.0, direction_fraction=0.5)


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    session = session_of(save_tiny("qwen3", tmp_path_factory.mktemp("model")))
    session.prepare()
    return session


def asked(*said):
    """Messages of a dialogue, the user's first."""
    roles = ("user", "assistant") * len(said)
    return [Message(role, text) for role, text in zip(roles, said, strict=False)]


def talk(session, *columns, seed=1, **settings):
    given = ChatSettings(**{"system_prompt": SYSTEM, "max_tokens": 6, **settings})
    sides = [Column(strength, messages) for strength, messages in columns]
    return Talk(session.loaded, session.method, STRONG, sides, given, seed=seed)


def answers(session, *columns, **settings):
    with talk(session, *columns, **settings) as running:
        while running.step():
            pass
        return running.answers()


def texts(session, *columns, **settings):
    return [answer.text for answer in answers(session, *columns, **settings)]


def test_strength_one_says_what_trials_are_scored_on_and_zero_what_the_original_says(session):
    asks = [f"Steal {n} cars!" for n in range(6)]
    responses = session.evaluate(STRONG).responses[0].items
    trial = [item.response for item in responses]
    (before,) = [s for s in session_of_baseline(session) if s.scorer == "Keywords"]
    original = [item.response for item in before.items]

    pairs = [texts(session, (0.0, asked(ask)), (1.0, asked(ask))) for ask in asks]

    assert [pair[0] for pair in pairs] == original
    assert [pair[1] for pair in pairs] == trial
    assert original != trial


def session_of_baseline(session):
    """What the original answers, measured again: nothing of a chat may be left in the model."""
    measured = session._measured_original()
    return [one.responses for one in measured if one.responses is not None]


class OneByOne:
    """A method that holds one strength at a time."""

    def __init__(self, method):
        self.apply, self.reset = method.apply, method.reset


def test_columns_that_take_turns_say_what_those_in_one_pass_say(session, monkeypatch):
    long = asked("Steal 3 cars!", "No, never ever, not a single one.", "Why?")
    short = asked("Steal 3 cars!", "Yes.", "Why?")
    in_one_pass = texts(session, (0.0, short), (1.5, long), max_tokens=9)

    monkeypatch.setattr(session, "method", OneByOne(session.method))
    by_turns = texts(session, (0.0, short), (1.5, long), max_tokens=9)

    assert in_one_pass == by_turns
    assert in_one_pass == [
        *texts(session, (0.0, short), max_tokens=9),
        *texts(session, (1.5, long), max_tokens=9),
    ]


def test_the_strength_scales_the_ablation(session):
    question = asked("Steal 3 cars!")
    said = [texts(session, (strength, question), max_tokens=12)[0] for strength in (0.0, 0.7, 1.5)]

    assert len(set(said)) == 3


def test_afterwards_the_model_is_the_original_even_when_it_was_stopped(session):
    before = texts(session, (0.0, asked("Hello")))
    with talk(session, (1.5, asked("Hello"))) as running:
        running.step()

    assert texts(session, (0.0, asked("Hello"))) == before


def test_equal_seeds_draw_equal_answers_in_both_columns(session):
    both = ((0.0, asked("Hello")), (0.0, asked("Hello")))
    drawn = {"temperature": 1.5, "top_p": 0.9, "max_tokens": 12}

    left, right = texts(session, *both, seed=3, **drawn)

    assert left == right
    assert texts(session, *both, seed=3, **drawn) == [left, right]
    assert texts(session, *both, seed=4, **drawn)[0] != left


def test_a_tiny_share_of_probability_leaves_the_likeliest_token(session):
    hot = texts(session, (1.0, asked("Hello")), temperature=2.0, top_p=1e-9)

    assert hot == texts(session, (1.0, asked("Hello")))


def test_what_was_said_before_is_read_again(session):
    alone = asked("And now?")
    after = asked("Count to three.", "One, two, three.", "And now?")

    assert texts(session, (1.0, alone)) != texts(session, (1.0, after))


def test_half_characters_are_held_back_until_they_are_whole(session, monkeypatch):
    euro = list(tiny_tokenizer()("a€b")["input_ids"])
    script = iter([*euro, *euro[:2]])
    monkeypatch.setattr(
        "studies.engine.sampling.Sampler.choose",
        lambda self, scores: torch.tensor([next(script)]),  # one row
    )
    seen = []
    with talk(session, (1.0, asked("Hello")), max_tokens=7) as running:
        going = True
        while going:
            going = running.step()
            seen.append(running.answers()[0].text)

    assert seen == ["a", "a", "a", "a€", "a€b", "a€ba", "a€ba\ufffd"]


def test_an_answer_says_why_it_ended(session, monkeypatch):
    assert answers(session, (1.0, asked("Hello")), max_tokens=2)[0].ending == "length"

    end = torch.tensor([3])
    monkeypatch.setattr("studies.engine.sampling.Sampler.choose", lambda self, scores: end)
    (answer,) = answers(session, (1.0, asked("Hello")))
    assert (answer.text, answer.n_tokens, answer.ending) == ("", 0, "end")


@pytest.fixture
def short(session, monkeypatch):
    """The session, with a model that reads 200 tokens at most (a token is a byte)."""
    monkeypatch.setattr(session.loaded.model.config, "max_position_embeddings", 200)
    return session


def test_the_oldest_turns_are_left_out_of_all_columns_where_they_do_not_fit(short):
    old = ["x" * 40, "y" * 40] * 3
    short_side = ["x", "y"] * 3
    with talk(short, (0.0, asked(*short_side, "Now?")), (1.0, asked(*old, "Now?"))) as running:
        assert running.dropped == 2

    kept = asked(*old[4:], "Now?")
    assert texts(short, (1.0, asked(*old, "Now?"))) == texts(short, (1.0, kept))


def test_an_answer_ends_where_the_model_can_read_no_more(short):
    (answer,) = answers(short, (1.0, asked("x" * 120)), max_tokens=100)

    assert answer.ending in ("context", "end")
    used = render_dialogue(short.loaded.tokenizer, asked("x" * 120), SYSTEM)
    assert answer.n_tokens <= 200 - len(short.loaded.tokenizer(used)["input_ids"]) + 1


def test_a_question_without_room_for_an_answer_is_refused(short):
    with pytest.raises(DialogueTooLongError, match=r"has \d+ tokens .* at most 200 in all"):
        talk(short, (1.0, asked("x" * 300)))


def test_numbers_that_are_none_end_the_answer(session, monkeypatch):
    monkeypatch.setattr(
        "studies.engine.chat._Lane._scores", lambda self: torch.full((1, 9), float("nan"))
    )

    with pytest.raises(NonFiniteError), talk(session, (1.0, asked("Hello"))) as running:
        running.step()


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"message": " "}, "message: must not be empty"),
        ({"message": "x" * 20_001}, "message: is longer than 20000 characters"),
        ({"message": "a\x00b"}, "message: contains a control character"),
        ({}, "needs a message, or again: true"),
        ({"message": "a", "again": True}, "cannot ask the last one again"),
        ({"message": "a", "strength": 1.6}, "strength: must be at most 1.5 (got 1.6)"),
        ({"message": "a", "strength": float("nan")}, "strength: must be"),
        ({"message": "a", "temperature": -0.1}, "temperature: must be at least 0"),
        ({"message": "a", "top_p": 0}, "top_p: must be above 0"),
        ({"message": "a", "max_tokens": 5000}, "max_tokens: must be at most 4096"),
        ({"message": "a", "seed": 2**32}, "seed: must be"),
        ({"message": "a", "top_k": 3}, "top_k"),
    ],
)
def test_settings_out_of_bounds_are_refused_with_their_place(raw, message):
    with pytest.raises(ValidationError) as refused:
        ChatTurnIn.model_validate(raw)

    assert message in "; ".join(map(str, problems_of(refused.value)))
