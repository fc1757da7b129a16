"""Storing a prompt set whose prompts can be read."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError

from studies.engine.errors import InvalidInputError, Problem
from studies.engine.problems import refuse
from studies.engine.prompt_sources import check_dataset_name, parse_split
from studies.engine.study_settings import revision_problem
from studies.engine.texts import name_problem, prose_problem
from studies.frozen import prompt_set_lines
from studies.models import PromptSet


def prompt_set_create(user: AbstractBaseUser | None, fields: Mapping[str, Any]) -> PromptSet:
    """Store a prompt set whose prompts can be read, or whose dataset is named well.

    Raises:
        InvalidInputError: a field is wrong.
        EngineError: its text or file has no prompts, or lies outside the prompt folders.
    """
    prompt_set = PromptSet(owner_id=user.pk if user else None, **fields)
    try:
        prompt_set.full_clean()
    except ValidationError as error:
        raise InvalidInputError(
            Problem(field, message)
            for field, messages in error.message_dict.items()
            for message in messages
        ) from error
    prompt_set_check(prompt_set)
    prompt_set.save()
    return prompt_set


def prompt_set_check(prompt_set: PromptSet) -> None:
    """Check the texts of a prompt set; read a typed or file one, see how a dataset is named.

    Raises:
        InvalidInputError: a field is missing or wrong.
        PromptSetError: there are no prompts to read.
    """
    refuse(list(_text_problems(prompt_set)))
    if prompt_set.source == PromptSet.Source.DATASET:
        missing = [n for n in ("dataset", "split", "column") if not getattr(prompt_set, n)]
        if missing:
            raise InvalidInputError(Problem(n, "is required for a dataset") for n in missing)
        check_dataset_name(prompt_set.dataset)
        parse_split(prompt_set.split)
        return
    prompt_set_lines(prompt_set)


def _text_problems(prompt_set: PromptSet) -> Iterator[Problem]:
    rules = {"name": name_problem, "column": name_problem, "commit": revision_problem}
    rules |= dict.fromkeys(("prefix", "suffix", "system_prompt"), prose_problem)
    for name, rule in rules.items():
        text = getattr(prompt_set, name)
        if text and (message := rule(text)):
            yield Problem(name, message)
