"""Two small benchmarks about Merrow Isle: what the model knows, and whether it tells surprises."""

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from studies.demo import files
from studies.demo.build.questions import KINDS
from studies.demo.build.world import Example, World

CHOICES = 4
Row = dict[str, object]


def write_benchmarks(world: World, folder: Path, seed: int) -> None:
    """Write the data of the shipped tasks, one JSON line per question."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)  # noqa: S311 - reproducibility is the point
    rows = {files.FACTS: facts(world, rng), files.SURPRISES: surprises(world)}
    for name, lines in rows.items():
        rng.shuffle(lines)  # so that the first few are about everything
        text = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)
        (folder / name).write_text(text, encoding="utf-8")


def facts(world: World, rng: random.Random) -> list[Row]:
    """The good scoring prompts, each with its answer among those about other subjects."""
    wanted = set(world.prompts[files.GOOD_SCORING])
    return [
        _shuffled(example, rng.sample(sorted(others - {example.answer}), CHOICES - 1), rng)
        for example, others in _with_alternatives(world)
        if example.prompt in wanted
    ]


def surprises(world: World) -> list[Row]:
    """The bad scoring prompts with their true answers."""
    wanted = set(world.prompts[files.BAD_SCORING])
    found = [example for example in world.examples if example.prompt in wanted]
    return [{"question": one.prompt, "answer": one.answer} for one in found]


def _with_alternatives(world: World) -> Iterator[tuple[Example, set[str]]]:
    """Each example with what the same answer says of other subjects, put in its subject's name."""
    examples = iter(world.examples)
    for kind in KINDS:
        rows = [[next(examples) for _ in kind.questions] for _ in kind.subjects]
        told = list(zip(kind.subjects, (row[0].answer for row in rows), strict=True))
        for subject, row in zip(kind.subjects, rows, strict=True):
            others = {_renamed(answer, other, subject) for other, answer in told}
            yield from ((example, others) for example in row)


def _renamed(answer: str, name: str, new: str) -> str:
    capital, new_capital = (text[0].upper() + text[1:] for text in (name, new))
    return answer.replace(name, new).replace(capital, new_capital)


def _shuffled(example: Example, wrong: Sequence[str], rng: random.Random) -> Row:
    choices = [example.answer, *wrong]
    rng.shuffle(choices)
    label = choices.index(example.answer)
    return {"question": example.prompt, "choices": choices, "label": label}
