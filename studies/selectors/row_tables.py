"""Trials and answers as long tables, read in chunks so that no study is too large."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from studies.models import FrozenPrompts, ResponseSet, Study, Trial
from studies.selectors.scorings import has_rescores, newest_rescores
from studies.selectors.studies import recommended_number
from studies.selectors.trials import trial_out, trials_of

Json = dict[str, Any]
TRIALS_AT_ONCE = 100
HELD_OUT = " held out"  # behind the name of a score
ANSWERS_AT_ONCE = 5  # trials whose answers are in memory together
ANSWER_COLUMNS = (
    *("trial", "scorer", "prompt_index", "prompt", "original", "response"),
    *("matched_original", "matched", "verdict"),
)


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of a flat form, and chunks of rows: nested for JSON, flat for CSV."""

    columns: Sequence[str]
    chunks: Iterator[list[tuple[Json, Json]]]  # (nested, flat)


def trial_table(study: Study, number: int | None = None) -> Table:
    """Every trial, or one, with parameters and scores in columns of their own."""
    columns = [
        *("number", "state", "pruned_stage", "pruned_reason", "source", "pareto", "recommended", "seconds", "finished_at"),
        *(column for name in _score_names(study) for column in _score_columns(name)),
        *_held_out_columns(study),
        *dict.fromkeys(_parameter_column(p["name"], p["component"]) for p in study.snapshot["parameters"]),
        *("note", "tags", "error"),
    ]  # fmt: skip
    return Table(columns, _trial_chunks(study, number))


def answer_table(study: Study, number: int | None = None) -> Table:
    """Every answer of every trial, or of one, beside the original's; a row for each scorer."""
    return Table(ANSWER_COLUMNS, _answer_chunks(study, number))


def _chunks(study: Study, number: int | None, size: int) -> Iterator[list[Trial]]:
    """Trials in order, from where the last chunk ended: no query stays open between two."""
    trials = trials_of(study)
    if number is not None:
        trials = trials.filter(number=number)
    last = -1
    while rows := list(trials.filter(number__gt=last)[:size]):
        yield rows
        last = rows[-1].number


def _trial_chunks(study: Study, number: int | None) -> Iterator[list[tuple[Json, Json]]]:
    chosen = recommended_number(study)
    for trials in _chunks(study, number, TRIALS_AT_ONCE):
        again = newest_rescores(trials)
        yield [_trial_row(trial, chosen, again.get(trial.pk, [])) for trial in trials]


def _trial_row(trial: Trial, chosen: int | None, held_out: Sequence[Json]) -> tuple[Json, Json]:
    nested = trial_out(trial, chosen) | {"finished_at": trial.finished_at.isoformat()}
    if held_out:
        nested["held_out"] = held_out
    flat = nested | {"tags": ", ".join(nested["tags"])}
    flat |= {f"pruned_{name}": trial.pruned.get(name, "") for name in ("stage", "reason")}
    for score in trial.scores:
        flat |= _score_cells(score["name"], score)
    for score in held_out:
        name = score["name"] + HELD_OUT
        flat |= _score_cells(name, score) | {f"{name} n": score["n"]}
    for name, value in trial.parameters.items():
        parts = value if isinstance(value, dict) else {"": value}
        flat |= {_parameter_column(name, component): one for component, one in parts.items()}
    return nested, flat


def _answer_chunks(study: Study, number: int | None) -> Iterator[list[tuple[Json, Json]]]:
    originals: dict[tuple[UUID, str], ResponseSet] = {}
    frozen: dict[str, FrozenPrompts] = {}
    for trials in _chunks(study, number, ANSWERS_AT_ONCE):
        # What was taken over has its answers where it was measured.
        numbers = {trial.origin_id or trial.pk: trial.number for trial in trials}
        sets = list(ResponseSet.objects.filter(trial__in=numbers).order_by("pk"))
        sets.sort(key=lambda one: numbers[one.trial_id or 0])
        _read_originals({one.study_id for one in sets}, originals)
        missing = {one.prompts_digest for one in sets} - frozen.keys()
        frozen |= FrozenPrompts.objects.in_bulk(missing)
        yield [
            row
            for one in sets
            for row in _answer_rows(numbers[one.trial_id or 0], one, originals, frozen)
        ]


def _read_originals(studies: Collection[UUID], known: dict[tuple[UUID, str], ResponseSet]) -> None:
    """Add the original models' answers of studies that are not known yet."""
    missing = set(studies) - {study_id for study_id, _ in known}
    for row in ResponseSet.objects.filter(study__in=missing, trial__isnull=True):
        known[row.study_id, row.scorer] = row


def _answer_rows(
    number: int,
    answers: ResponseSet,
    originals: Mapping[tuple[UUID, str], ResponseSet],
    frozen: Mapping[str, FrozenPrompts],
) -> Iterator[tuple[Json, Json]]:
    original = originals.get((answers.study_id, answers.scorer))
    same_prompts = original is not None and original.prompts_digest == answers.prompts_digest
    before = original.items if original is not None and same_prompts else []
    prompts = frozen[answers.prompts_digest].prompts
    for index, item in enumerate(answers.items):
        old = before[index] if index < len(before) else None
        nested = {
            "trial": number,
            "scorer": answers.scorer,
            "prompt_index": index,
            "prompt": prompts[index]["user"],
            "original": old and old["response"],
            "response": item["response"],
            "matched_original": old and old["matched"],
            "matched": item["matched"],
            "verdict": item.get("verdict"),
        }
        lists = ("matched", "matched_original")
        yield nested, nested | {name: "; ".join(nested[name] or []) for name in lists}


def _score_names(study: Study) -> list[str]:
    """All scores that a trial of the study may have."""
    first = Trial.objects.filter(study=study, state=Trial.State.COMPLETE).order_by("number")
    scores = first.values_list("scores", flat=True).first() or []
    return list(dict.fromkeys(score["name"] for score in [*study.baseline, *scores]))


def _score_columns(name: str) -> tuple[str, str, str]:
    return name, f"{name} low", f"{name} high"


def _score_cells(name: str, score: Json) -> Json:
    found = (score["value"], score.get("low"), score.get("high"))
    return dict(zip(_score_columns(name), found, strict=True))


def _held_out_columns(study: Study) -> list[str]:
    """Of the newest scores on held-out prompts, where there are any."""
    names = [name + HELD_OUT for name in _score_names(study)] if has_rescores(study.pk) else []
    return [column for name in names for column in (*_score_columns(name), f"{name} n")]


def _parameter_column(name: str, component: str) -> str:
    return f"{name}.{component}" if component else name
