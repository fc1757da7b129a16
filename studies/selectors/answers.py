"""A trial's answers as people judge them: prompt by prompt, whichever scorers read them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from studies.engine.agreement import Agreement, agreement
from studies.engine.word_diff import word_diff
from studies.models import AnswerLabel, FrozenPrompts, ResponseSet, Study, Trial
from studies.objectives import wanted_directions
from studies.selectors.access import User

Json = dict[str, Any]
Place = tuple[str, int]  # digest of the prompts, index among them


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one scorer made of an answer, and of the original's."""

    scorer: str
    counted: bool
    counted_before: bool | None  # None: the original's is not stored
    is_good: bool  # counted where the scorer is maximised, not counted where it is minimised

    @property
    def has_changed(self) -> bool:
        return self.counted_before is not None and self.counted != self.counted_before


@dataclass(slots=True)
class Answer:
    """A trial's answer to one prompt beside the original's."""

    position: int  # among the trial's answers, from 0
    place: Place
    prompt: str
    response: str
    before: str | None
    cut: bool = False  # ended when its verdict was settled: the model would have gone on
    verdicts: list[Verdict] = field(default_factory=list)
    matched: list[str] = field(default_factory=list)
    matched_before: list[str] = field(default_factory=list)
    label: bool | None = None  # of the user who asks
    labels: list[bool] = field(default_factory=list)  # everybody's

    @property
    def has_changed(self) -> bool:
        """Whether it is known to differ from the original's; of a cut one, its beginning."""
        if self.before is None:
            return False
        if self.cut:  # in the middle of a character, maybe
            return not self.before.startswith(self.response.rstrip("\ufffd"))
        return self.before != self.response


FILTERS: Mapping[str, Callable[[Answer], bool]] = {
    "all": lambda answer: True,
    "changed_verdict": lambda answer: any(v.has_changed for v in answer.verdicts),
    "matched": lambda answer: bool(answer.matched),
    "empty": lambda answer: not answer.response.strip(),
    "disagree": lambda answer: len({v.is_good for v in answer.verdicts}) > 1,
    "changed": lambda answer: answer.has_changed,
    "labelled": lambda answer: answer.label is not None,
    "unlabelled": lambda answer: answer.label is None,
}


def trial_answers(user: User, study: Study, trial: Trial) -> list[Answer]:
    """Return a trial's answers, each prompt once, with everybody's labels."""
    answers = _merged(study, trial)
    labels = AnswerLabel.objects.filter(trial=trial)
    for digest, index, user_id, is_good in labels.values_list(
        "prompts_digest", "index", "user_id", "is_good"
    ):
        answer = answers.get((digest, index))
        if answer is None:
            continue
        answer.labels.append(is_good)
        if user is not None and user_id == user.pk:
            answer.label = is_good
    return list(answers.values())


def answer_out(answer: Answer) -> Json:
    """One answer as the trial's page shows it, with the words that differ."""
    old, new = word_diff(answer.before or "", answer.response)
    return {
        "position": answer.position,
        "prompt": answer.prompt,
        "response": answer.response,
        "before": answer.before,
        "cut": answer.cut,
        "pieces": [piece._asdict() for piece in new],
        "pieces_before": [piece._asdict() for piece in old],
        "matched": answer.matched,
        "matched_before": answer.matched_before,
        "verdicts": [
            {
                "scorer": v.scorer,
                "counted": v.counted,
                "counted_before": v.counted_before,
                "is_good": v.is_good,
            }
            for v in answer.verdicts
        ],
        "label": answer.label,
        "up": sum(answer.labels),
        "down": len(answer.labels) - sum(answer.labels),
    }


def filter_counts(answers: Sequence[Answer]) -> dict[str, int]:
    """Count the answers that each filter lets through."""
    return {name: sum(map(wanted, answers)) for name, wanted in FILTERS.items()}


def agreements(answers: Iterable[Answer]) -> list[Json]:
    """Compare labels with each scorer: the user's own, and everybody's together."""
    mine: dict[str, list[tuple[bool, bool]]] = {}
    everybody: dict[str, list[tuple[bool, bool]]] = {}
    for answer in answers:
        for verdict in answer.verdicts:
            own = [] if answer.label is None else [(answer.label, verdict.is_good)]
            mine.setdefault(verdict.scorer, []).extend(own)
            all_labels = [(label, verdict.is_good) for label in answer.labels]
            everybody.setdefault(verdict.scorer, []).extend(all_labels)
    return [
        {
            "scorer": scorer,
            "mine": _agreement_out(agreement(pairs)),
            "everybody": _agreement_out(agreement(everybody[scorer])),
        }
        for scorer, pairs in mine.items()
    ]


def _merged(study: Study, trial: Trial) -> dict[Place, Answer]:
    measured = trial.origin or trial  # what was taken over has its answers where it was measured
    sets = list(measured.response_sets.order_by("pk"))
    originals = {
        (row.scorer, row.prompts_digest): row
        for row in ResponseSet.objects.filter(study=measured.study_id, trial__isnull=True)
    }
    frozen = FrozenPrompts.objects.in_bulk({row.prompts_digest for row in sets})
    directions = wanted_directions(study.snapshot)
    answers: dict[Place, Answer] = {}
    for row in sets:
        prompts = frozen[row.prompts_digest].prompts
        original = originals.get((row.scorer, row.prompts_digest))
        before = original.items if original else []
        maximised = directions.get(row.scorer) == "maximize"
        for index, item in enumerate(row.items):
            place = (row.prompts_digest, index)
            old = before[index] if index < len(before) else None
            if place not in answers:
                answers[place] = _answer(len(answers), place, prompts[index]["user"], item, old)
            _judge(answers[place], row, item, old, maximised=maximised)
    return answers


def _answer(position: int, place: Place, prompt: str, item: Json, old: Json | None) -> Answer:
    before = old["response"] if old else None
    return Answer(position, place, prompt, item["response"], before, cut=bool(item.get("cut")))


def _judge(
    answer: Answer, row: ResponseSet, item: Json, old: Json | None, *, maximised: bool
) -> None:
    counted = _counted(item)
    answer.verdicts.append(
        Verdict(
            scorer=row.scorer,
            counted=counted,
            counted_before=_counted(old) if old else None,
            is_good=counted == maximised,
        )
    )
    answer.matched = list(dict.fromkeys([*answer.matched, *item["matched"]]))
    answer.matched_before = list(
        dict.fromkeys([*answer.matched_before, *(old["matched"] if old else [])])
    )


def _counted(item: Json) -> bool:
    verdict = item.get("verdict")
    return bool(item["matched"]) if verdict is None else bool(verdict)


def _agreement_out(found: Agreement) -> Json:
    return {
        "n": found.total,
        "agreed": found.agreed,
        "both_good": found.both_good,
        "both_bad": found.both_bad,
        "only_person": found.only_person,
        "only_scorer": found.only_scorer,
        "kappa": None if found.kappa is None else round(found.kappa, 4),
    }
