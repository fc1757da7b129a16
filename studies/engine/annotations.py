"""What people may write about a study or a trial: names, notes, tags."""

from typing import Annotated, Final

from pydantic import AfterValidator, Field

from studies.engine.tables import Table, fault
from studies.engine.texts import Prose, name_problem, same_text

MAX_NAME: Final = 100
MAX_TAG: Final = 40
MAX_TAGS: Final = 20


def _checked_name(text: str) -> str:
    if problem := name_problem(text, max_characters=MAX_NAME):
        raise fault(problem)
    return text.strip()


def _checked_tag(text: str) -> str:
    if problem := name_problem(text, max_characters=MAX_TAG):
        raise fault(problem)
    if "," in text:  # pages write tags with commas between them
        raise fault("must not contain a comma")
    return same_text(text.strip())


def _each_once(tags: list[str]) -> list[str]:
    return sorted(set(tags))


StudyName = Annotated[str, Field(strict=True), AfterValidator(_checked_name)]
Tag = Annotated[str, Field(strict=True), AfterValidator(_checked_tag)]
Tags = Annotated[list[Tag], Field(max_length=MAX_TAGS), AfterValidator(_each_once)]


class StudyAnnotation(Table):
    """What changes of a study; what is left out stays."""

    name: StudyName | None = None
    notes: Prose | None = None
    tags: Tags | None = None


class TrialAnnotation(Table):
    """What changes of a trial; what is left out stays."""

    note: Prose | None = None
    tags: Tags | None = None
