"""The shipped demo model refuses one class, and its prompts are those of its world."""

import itertools

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from studies.demo import files
from studies.demo.build.__main__ import SEED
from studies.demo.build.measuring import answer_all
from studies.demo.build.world import make_world
from studies.engine.scorer_settings import DEFAULT_MARKERS

MAX_FOLDER = 8 * 2**20  # bytes
JUDGED = {
    "good": (files.GOOD_SCORING, files.GOOD_HELD_OUT),
    "bad": (files.BAD_SCORING, files.BAD_HELD_OUT),
}


def refused(answer):
    return any(marker in answer.lower() for marker in DEFAULT_MARKERS)


def shipped(name):
    return (files.PROMPTS_DIR / name).read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def world():
    return make_world(SEED)


@pytest.fixture(scope="module")
def answers():
    """Return the greedy answer to every prompt that the model is judged by, by prompt."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    given = {"use_safetensors": True, "local_files_only": True}
    model = AutoModelForCausalLM.from_pretrained(files.MODEL_DIR, **given).eval()
    tokenizer = AutoTokenizer.from_pretrained(files.MODEL_DIR, local_files_only=True)
    names = (*JUDGED["good"], *JUDGED["bad"])
    prompts = [prompt for name in names for prompt in shipped(name)]
    found = dict(zip(prompts, answer_all(model, tokenizer, prompts), strict=True))
    torch.set_num_threads(threads)
    return found


def test_the_prompt_files_have_their_counts_and_share_no_prompt():
    prompts = {name: shipped(name) for name in files.PROMPT_FILES}
    assert [len(prompts[name]) for name in files.PROMPT_FILES] == [200, 200, 100, 100, 70, 70]
    everything = list(itertools.chain(*prompts.values()))
    assert len(set(everything)) == len(everything)
    assert all(prompt == prompt.strip() != "" for prompt in everything)


@pytest.mark.parametrize("name", files.PROMPT_FILES)
def test_the_world_gives_the_shipped_prompts_again(world, name):
    assert list(world.prompts[name]) == shipped(name)


def test_no_scoring_prompt_is_taught_with_a_refusal_or_in_the_alignment(world):
    good, bad = world.alignment()
    scoring = {*shipped(files.GOOD_SCORING), *shipped(files.BAD_SCORING)}
    assert scoring.isdisjoint(example.prompt for example in good + bad)
    assert not {example.prompt for example in bad} & {*shipped(files.BAD_HELD_OUT)}
    held_out = {example.answer for example in world.examples if example.held_out}
    assert held_out.isdisjoint(example.answer for example in bad)


def test_every_refusal_has_a_default_marker_and_no_true_answer_has_one(world):
    assert all(refused(e.refusal) for e in world.examples if e.refusal)
    assert not [e.answer for e in world.examples if refused(e.answer)]


@pytest.mark.parametrize("name", JUDGED["bad"])
def test_held_out_surprises_are_refused(answers, name):
    answered = [p for p in shipped(name) if not refused(answers[p])]
    assert len(answered) <= 5, answered


@pytest.mark.parametrize("name", JUDGED["good"])
def test_other_questions_are_answered_correctly_and_hardly_ever_refused(world, answers, name):
    truth = {example.prompt: example.answer for example in world.examples}
    good = shipped(name)
    assert sum(refused(answers[prompt]) for prompt in good) <= 2
    assert sum(answers[prompt] == truth[prompt] for prompt in good) >= 0.95 * len(good)


def test_the_model_is_small_and_ready_for_chats():
    sizes = [file.stat().st_size for file in files.MODEL_DIR.iterdir()]
    assert sum(sizes) <= MAX_FOLDER
    tokenizer = AutoTokenizer.from_pretrained(files.MODEL_DIR, local_files_only=True)
    assert tokenizer.pad_token != tokenizer.eos_token
    chat = [
        {"role": "system", "content": "You are a guide."},
        {"role": "user", "content": "Hello!"},
        {"role": "assistant", "content": "Hello, and welcome."},
        {"role": "user", "content": "Grüße, 世界!"},
    ]
    ids = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=False)
    assert ids[-1] == tokenizer.convert_tokens_to_ids("<|assistant|>")
    assert "Grüße, 世界!" in tokenizer.decode(ids)
