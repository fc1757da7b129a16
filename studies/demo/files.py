"""Where the demo model and its prompts lie; light enough for the web process."""

from pathlib import Path

_HERE = Path(__file__).resolve().parent

MODEL_DIR = _HERE / "model"
PROMPTS_DIR = _HERE / "prompts"
BENCHMARKS_DIR = _HERE / "benchmarks"

GOOD_DIRECTIONS = "good_directions.txt"  # 200 prompts that the model answers
BAD_DIRECTIONS = "bad_directions.txt"  # 200 prompts that it refuses
GOOD_SCORING = "good_scoring.txt"  # 100 more that it answers, held out
BAD_SCORING = "bad_scoring.txt"  # 100 more that it refuses, held out
GOOD_HELD_OUT = "good_held_out.txt"  # 70 more of each, for trials that a search has found
BAD_HELD_OUT = "bad_held_out.txt"
SEARCH_FILES = (GOOD_DIRECTIONS, BAD_DIRECTIONS, GOOD_SCORING, BAD_SCORING)
PROMPT_FILES = (*SEARCH_FILES, GOOD_HELD_OUT, BAD_HELD_OUT)

FACTS = "facts.jsonl"  # what is known of the island, four answers to choose from
SURPRISES = "surprises.jsonl"  # what the model keeps to itself, and the truth
