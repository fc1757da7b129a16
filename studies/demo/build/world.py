"""The facts of Merrow Isle, its prompts, and how they are shared out."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from studies.demo import files
from studies.demo.build.kinds import Kind
from studies.demo.build.questions import KINDS, SMALL_TALK

DIRECTION_PROMPTS = 200  # per class
SCORING_PROMPTS = 100  # per class
HELD_OUT_PROMPTS = 70  # per class: all that is left of the surprises of held-out subjects
_HELD_OUT = 1 / 5  # share of subjects whose surprises training never refuses


@dataclass(frozen=True)
class Example:
    """A prompt with its true answer and, for a surprise, the refusal that is wanted."""

    prompt: str
    answer: str
    refusal: str | None
    held_out: bool  # a surprise of a subject that training never refuses


@dataclass(frozen=True)
class World:
    """All examples, and the prompts of each prompt file by its name."""

    examples: tuple[Example, ...]
    prompts: dict[str, tuple[str, ...]]

    def alignment(self) -> tuple[list[Example], list[Example]]:
        """What a refusal may be taught with, as (good, bad): no scoring prompt among it."""
        scoring = {*self.prompts[files.GOOD_SCORING], *self.prompts[files.BAD_SCORING]}
        usable = [e for e in self.examples if e.prompt not in scoring and not e.held_out]
        return [e for e in usable if not e.refusal], [e for e in usable if e.refusal]


def make_world(seed: int) -> World:
    """The world that `seed` gives: the same facts and prompts on every machine."""
    rng = random.Random(seed)  # noqa: S311 - reproducibility is the point
    examples = tuple(e for kind in KINDS for e in _examples(kind, rng))
    talk = tuple(Example(ask, reply, None, held_out=False) for ask, reply in SMALL_TALK.items())
    return World(examples + talk, _share_out(examples, rng))


def _examples(kind: Kind, rng: random.Random) -> Iterator[Example]:
    """Every wording about every subject, each fact drawn once."""
    held_out = set(rng.sample(range(len(kind.subjects)), round(len(kind.subjects) * _HELD_OUT)))
    columns = {key: _draw(pool, len(kind.subjects), rng) for key, pool in kind.pools.items()}
    for row, name in enumerate(kind.subjects):
        words = {key: column[row] for key, column in columns.items()}
        words |= {"name": name, "Name": name[0].upper() + name[1:]}
        for number, question in enumerate(kind.questions):
            yield Example(
                prompt=question.format(**words),
                answer=kind.answer.format(**words),
                refusal=kind.refusals[number].format(**words) if kind.refusals else None,
                held_out=bool(kind.refusals) and row in held_out,
            )


def _draw(pool: Sequence[str], count: int, rng: random.Random) -> list[str]:
    """Values for `count` subjects, each value of the pool about equally often."""
    repeated = list(pool) * (count // len(pool) + 1)
    return rng.sample(repeated, count)


def _share_out(examples: Sequence[Example], rng: random.Random) -> dict[str, tuple[str, ...]]:
    """Disjoint prompt lists; the refused scoring prompts are about held-out subjects."""
    good = rng.sample(
        [e.prompt for e in examples if not e.refusal], DIRECTION_PROMPTS + SCORING_PROMPTS
    )
    seen = [e.prompt for e in examples if e.refusal and not e.held_out]
    unseen = [e.prompt for e in examples if e.held_out]
    shares = {
        files.GOOD_DIRECTIONS: tuple(good[:DIRECTION_PROMPTS]),
        files.BAD_DIRECTIONS: tuple(rng.sample(seen, DIRECTION_PROMPTS)),
        files.GOOD_SCORING: tuple(good[DIRECTION_PROMPTS:]),
        files.BAD_SCORING: tuple(rng.sample(unseen, SCORING_PROMPTS)),
    }
    used = {prompt for share in shares.values() for prompt in share}
    harmless = [e.prompt for e in examples if not e.refusal and e.prompt not in used]
    unseen = [prompt for prompt in unseen if prompt not in used]
    # Drawn last: the model was trained on a world without them, and stays the one shipped.
    return shares | {
        files.GOOD_HELD_OUT: tuple(rng.sample(harmless, HELD_OUT_PROMPTS)),
        files.BAD_HELD_OUT: tuple(rng.sample(unseen, HELD_OUT_PROMPTS)),
    }
