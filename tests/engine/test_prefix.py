"""The common beginning of all answers."""

from studies.engine.generation import Generation
from studies.engine.prefix import detect_prefix, prefix_prompts
from studies.engine.prompts import Prompt
from studies.engine.study_settings import CHAIN_OF_THOUGHT_SKIPS


class Model:
    """Gives fixed answers, a character per token; `after` holds those behind a prefix."""

    def __init__(self, *answers, after=None):
        self.answers, self.after, self.asked = answers, after or {}, []

    def __call__(self, prefix, n_tokens):
        self.asked.append((prefix, n_tokens))
        answers = self.after[prefix] if prefix else self.answers
        return Generation(
            [answer[:n_tokens] for answer in answers],
            [len(answer) < n_tokens for answer in answers],
            None,
            0,
        )


def found(model, max_new_tokens=100):
    return detect_prefix(model, CHAIN_OF_THOUGHT_SKIPS, max_new_tokens=max_new_tokens)


def test_what_all_answers_begin_with_is_the_prefix():
    assert found(Model("Well, yes, of course it is", "Well, no, it is not so")) == "Well,"


def test_answers_that_differ_at_once_have_none():
    model = Model("Yes, of course it is so", "No, it is not so at all")
    assert found(model) == ""
    assert model.asked == [("", 12)], "twelve tokens are enough to see that"


def test_only_trailing_spaces_are_cut():
    assert found(Model("Answer:\n\nA and so on and on", "Answer:\n\nB and so on and on")) == (
        "Answer:\n\n"
    )


def test_a_prefix_longer_than_the_first_look_is_followed_to_its_end():
    long = "This is a long beginning that all share. "
    model = Model(long + "Yes", long + "No")
    assert found(model) == long.rstrip()
    assert [n_tokens for _, n_tokens in model.asked] == [12, 48]


def test_no_more_tokens_are_asked_for_than_an_answer_may_have():
    model = Model("x" * 50, "x" * 50)
    assert found(model, max_new_tokens=20) == ""
    assert [n_tokens for _, n_tokens in model.asked] == [12, 20]


def test_a_finished_answer_ends_the_prefix():
    assert found(Model("Well.", "Well. That depends on a lot")) == "Well."


def test_answers_that_are_all_the_same_leave_something_to_score():
    assert found(Model("No.", "No.", "No.")) == ""


def test_a_character_cut_in_two_does_not_end_the_prefix():
    whole = "é so much for that"
    cut = Model(whole + " A", whole + " B")

    def split_character(prefix, n_tokens):
        found = cut(prefix, n_tokens)
        if n_tokens == 12:
            found.responses[0] = found.responses[0][:5] + "\ufffd"
        return found

    assert found(split_character) == whole


def test_an_opened_chain_of_thought_is_closed_and_the_answers_compared_again():
    model = Model(
        "<think>Let me see whether", "<think>The user wants",
        after={"<think></think>": ("\n\nYes, of course it is", "\n\nNo, it really is not")},
    )  # fmt: skip
    assert found(model) == "<think></think>\n\n"


def test_at_most_a_hundred_prompts_of_each_set_are_compared():
    good, bad = [Prompt(f"g{n}") for n in range(150)], [Prompt(f"b{n}") for n in range(40)]
    prompts = prefix_prompts(good, bad)
    assert prompts == [*good[:100], *bad]
