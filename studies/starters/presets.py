"""The starter presets: slug -> columns, settings and scorers of a Profile."""

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

SLOP = [
    "tapestry", "testament to", "symphony of", "whisper", "shiver down", "barely above a",
    "ethereal", "celestial", "radiant", "velvet", "crimson", "moonlit", "twilight", "gossamer",
    "kaleidoscop", "bustling", "labyrinth", "palpable", "the air was thick", "bathed in",
    "painted the sky", "etched", "beacon", "abyss", "boundless", "eternal", "unravel", "gilded",
    "azure", "obsidian", "a pang of", "heart pounded", "time stood still", "little did",
    "melancholy", "resplendent", "lullaby", "embrace of", "dance of", "hushed",
]  # fmt: skip
HUMOUR = [
    "haha", "hehe", "lol", "joke", "pun intended", "punchline", "walked into a bar",
    "walks into a bar", "why did the", "knock knock", "ba dum", "rimshot", "just kidding",
    "funny", "humor", "hilarious", "comedian", "silly", "😂", "😄", "😆", "😅", "🤣",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Preset:
    """A starter; scorers are (scorer, optimization, prompt set, further settings)."""

    name: str
    description: str
    settings: Json
    scorers: list[tuple[str, str, str, Json]]
    model: str = ""
    specs: Json = field(default_factory=dict)


PRESETS: dict[str, Preset] = {
    "demo": Preset(
        name="Demo (runs here, no download)",
        description=(
            "A tiny chat model that answers questions about a small invented world but refuses "
            "one harmless kind of them. A study takes a few minutes on two processor cores."
        ),
        model="demo",
        settings={
            "good_prompts": "demo-good",
            "bad_prompts": "demo-bad",
            "n_trials": 40,
            "n_startup_trials": 15,
            "max_response_length": 40,
            "batch_size": 100,  # a scoring set at once; nothing to find out on a model this small
            "dtypes": ["float32"],
        },
        scorers=[
            ("KeywordRate", "minimize", "demo-bad-scoring", {}),
            ("KLDivergence", "minimize", "demo-good-scoring", {}),
            ("UnchangedAnswers", "none", "demo-good-scoring", {}),
        ],
    ),
    "refusals": Preset(
        name="Refusals (published sets)",
        description="Removes refusals, with the prompt sets that the field commonly uses.",
        settings={"good_prompts": "harmless", "bad_prompts": "harmful"},
        scorers=[
            ("KeywordRate", "minimize", "harmful-scoring", {}),
            ("KLDivergence", "minimize", "harmless-scoring", {}),
            ("UnchangedAnswers", "none", "harmless-scoring", {"n_prompts": 25}),
        ],
    ),
    "no-slop": Preset(
        name="No slop",
        description="Plainer stories: removes the direction of clichéd, ornate prose.",
        settings={
            "good_prompts": "plain-stories",
            "bad_prompts": "ornate-stories",
            "max_response_length": 300,
        },
        scorers=[
            ("KeywordRate", "minimize", "stories-scoring", {"keyword_markers": SLOP}),
            ("KLDivergence", "minimize", "plain-stories-scoring", {}),
        ],
    ),
    "no-humour": Preset(
        name="No humour",
        description="Answers in earnest: removes the direction of jokes.",
        settings={
            "good_prompts": "harmless",
            "bad_prompts": "jokes",
            "max_response_length": 300,
        },
        scorers=[
            ("KeywordRate", "minimize", "jokes-scoring", {"keyword_markers": HUMOUR}),
            ("KLDivergence", "minimize", "harmless-scoring", {}),
        ],
    ),
}
