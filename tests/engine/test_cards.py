"""Model cards: what they say, what they keep of the original's, what they leave out."""

import pytest
import yaml

from studies.engine.card import CardFacts, CardParameter, CardScore, model_card
from studies.engine.card_metadata import front_matter_problem, merged_metadata, split_card
from studies.engine.private_text import without_private

FACTS = {
    "model": "google/gemma-3-1b-it",
    "is_on_hub": True,
    "commit": "a" * 40,
    "strategy": "merge",
    "dtype": "auto",
    "method": "Directional ablation",
    "method_words": "Removes one direction.",
    "product": "Heretic Web 1",
    "parameters": [
        CardParameter(
            name="max_weight_position_fraction",
            component="attn.o_proj",
            value=0.5,
            layers=12.5,
            searched="0.4 … 0.9",
        ),
        CardParameter(name="direction_scope", component="", value="global"),
    ],
    "scores": [
        CardScore(
            name="Refusals",
            display="3/100",
            direction="minimize",
            interval=(0.01, 0.0845),
            original="97/100",
            original_interval=(0.915, 0.99),
        )
    ],
    "prompts": [("Bad | worse", 100)],
    "options": {"row_normalization": "full"},
}
BASE = """---
license: gemma
language:
- en
- no
tags:
- chat
model-index:
- name: base
library_name: other
---

# The base

Its own text.
"""


def card(base="", **fields):
    return model_card(CardFacts(**FACTS | fields), base)


def metadata(text):
    return yaml.safe_load(text.split("---\n")[1])


def test_scores_on_held_out_prompts_have_a_part_of_their_own():
    again = FACTS["scores"][0]
    text = card(held_out=[again], held_out_prompts=[("Other | ones", 70)])

    part = text[text.index("### On held-out prompts") : text.index("## Method")]
    assert "no part in the search: Other \\| ones (70)." in part
    assert "| Refusals | 3/100 | 0.01 to 0.0845 | 97/100 |" in part
    assert "held-out" not in card()


def test_a_card_says_what_was_done_and_what_came_of_it():
    text = card()

    link = f"[google/gemma-3-1b-it](https://huggingface.co/google/gemma-3-1b-it/tree/{'a' * 40})"
    assert link in text
    assert "| Refusals | 3/100 | 0.01 to 0.0845 | 97/100 | 0.915 to 0.99 | lower |" in text
    row = "| `max_weight_position_fraction` | `attn.o_proj` | 0.5 | 12.5 | 0.4 … 0.9 |"
    assert row in text
    assert "| `direction_scope` | – | global | – | fixed |" in text
    assert "Bad \\| worse (100)" in text
    assert "reproduce.json" in text


def test_the_front_matter_keeps_the_license_and_names_the_base():
    found = metadata(card(BASE))

    assert found == {
        "license": "gemma",
        "language": ["en", "no"],
        "library_name": "transformers",
        "base_model": "google/gemma-3-1b-it",
        "base_model_relation": "finetune",
        "tags": ["heretic-web", "directional-ablation", "chat"],
    }


def test_the_text_of_the_base_follows_ours():
    text = card(BASE)

    own, _, base = text.partition("card of the original model")
    assert "## Reproduction" in own
    assert base.endswith("# The base\n\nIts own text.\n")
    assert "model-index" not in text


def test_an_adapter_says_how_exact_it_is_and_which_library_loads_it():
    text = card(strategy="adapter", adapter_rank=4, adapter_error=0.0312)

    assert "rank 4 and leaves out 3.12 % of the change" in text
    assert metadata(text)["library_name"] == "peft"
    assert metadata(text)["base_model_relation"] == "adapter"


def test_a_model_that_is_not_on_the_hub_is_not_linked():
    text = card(model="demo", is_on_hub=False, commit=None)

    assert "base_model" not in metadata(text)
    assert "huggingface.co" not in text


@pytest.mark.parametrize(
    "front", ["a: [", "- list", "a: &x [*x]", "\x00", "a" * 70_000, "[" * 1500]
)
def test_damaged_front_matter_of_a_base_costs_only_itself(front):
    assert split_card(f"---\n{front}\n---\ntext") == ({}, "text")


def test_of_strange_metadata_only_short_texts_are_kept():
    strange = {"license": ["a"], "tags": ["x", {"y": 1}, "z" * 1000], "language": "en", "extra": 1}

    assert merged_metadata(strange, {"tags": ["own"]}) == {
        "tags": ["own", "x", "z" * 300],
        "language": "en",
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("no front matter", None),
        ("---\na: 1\n---\n", None),
        ("---\na: 1\n", "no second ---"),
        ("---\n- a\n---\n", "no table"),
        ("---\na: [\n---\n", "no YAML (line"),
    ],
)
def test_what_is_wrong_with_typed_front_matter_is_said(text, problem):
    found = front_matter_problem(text)

    assert found is None if problem is None else problem in found


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("in /home/ann/x y", "in (local path) y"),
        ("`/tmp/a`, (/root/b)", "`(local path)`, ((local path))"),
        (r"C:\Users\ann\x y", "(local path) y"),
        ("file:///home/ann", "(local path)"),
        ("https://example.org/home/x and a/tmp/b", "https://example.org/home/x and a/tmp/b"),
        ("/srv/models/tiny y", "(local path) y"),
        ("by ann, not Joanna or annual", "by (name), not Joanna or annual"),
        ("the admin", "the admin"),
    ],
)
def test_local_paths_and_names_are_taken_out(text, left):
    assert without_private(text, folders=["/srv/models"], names=["ann", "admin", "a"]) == left
