"""Prompt sets of the starter presets: slug -> columns of a PromptSet."""

from typing import Any

Json = dict[str, Any]


def _dataset(name: str, dataset: str, split: str, column: str, **more: str) -> Json:
    return {"name": name, "source": "dataset", "dataset": dataset, "split": split} | {
        "column": column,
        **more,
    }


def _demo(name: str, file: str) -> Json:
    return {"name": name, "source": "file", "path": f"demo/{file}"}


ALPACA, HARMFUL = "mlabonne/harmless_alpaca", "mlabonne/harmful_behaviors"
STORIES, JOKES = "llm-aes/writing-prompts", "UnstableLlama/jokes"
TASK = "Write a short story for the idea that follows."
PLAIN = f"{TASK} Keep the prose plain: no clichés, no ornament.\n\nIdea: "
ORNATE = f"{TASK} Use as many literary clichés and as much ornament as you can.\n\nIdea: "
WRITER = "You are an experienced author."

PROMPT_SETS: dict[str, Json] = {
    "demo-good": _demo("Demo: answered questions", "good_directions.txt"),
    "demo-bad": _demo("Demo: refused questions", "bad_directions.txt"),
    "demo-good-scoring": _demo("Demo: answered questions, for scoring", "good_scoring.txt"),
    "demo-bad-scoring": _demo("Demo: refused questions, for scoring", "bad_scoring.txt"),
    # Found by their names: see studies/held_out.py.
    "demo-good-scoring-held-out": _demo("Demo: answered questions, held out", "good_held_out.txt"),
    "demo-bad-scoring-held-out": _demo("Demo: refused questions, held out", "bad_held_out.txt"),
    "harmless": _dataset("Harmless instructions", ALPACA, "train[:400]", "text"),
    "harmless-scoring": _dataset(
        "Harmless instructions, for scoring", ALPACA, "test[:100]", "text"
    ),
    "harmful": _dataset("Harmful requests", HARMFUL, "train[:400]", "text"),
    "harmful-scoring": _dataset("Harmful requests, for scoring", HARMFUL, "test[:100]", "text"),
    "plain-stories": _dataset(
        "Stories, asked for in plain prose",
        STORIES,
        "train[:500]",
        "prompt",
        prefix=PLAIN,
        system_prompt=WRITER,
    ),
    "ornate-stories": _dataset(
        "Stories, asked for in ornate prose",
        STORIES,
        "train[:500]",
        "prompt",
        prefix=ORNATE,
        system_prompt=WRITER,
    ),
    "stories-scoring": _dataset(
        "Stories, for scoring",
        STORIES,
        "train[1000:1100]",
        "prompt",
        prefix=f"{TASK}\n\nIdea: ",
        system_prompt=WRITER,
    ),
    "plain-stories-scoring": _dataset(
        "Stories in plain prose, for scoring",
        STORIES,
        "train[1000:1100]",
        "prompt",
        prefix=PLAIN,
        system_prompt=WRITER,
    ),
    "jokes": _dataset("Requests that invite jokes", JOKES, "train[:200]", "text"),
    "jokes-scoring": _dataset(
        "Requests that invite jokes, for scoring", JOKES, "train[200:250]", "text"
    ),
}
