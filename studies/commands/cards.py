"""Editing the model card of an export."""

from studies.cards import card_store
from studies.engine.card_metadata import front_matter_problem
from studies.engine.errors import InvalidInputError, Problem
from studies.engine.texts import prose_problem
from studies.lifecycle import StatusConflictError
from studies.models import Export

MAX_CHARACTERS = 200_000  # whose JSON fits into a request of the API
PLACE = "text"


def card_update(export: Export, text: str) -> Export:
    """Store what somebody has made of a card, and let the manifest tell of it.

    Raises:
        StatusConflictError: the export is not finished.
        InvalidInputError: the text cannot be stored, or its front matter is no YAML table.
    """
    if export.ready_at is None:
        raise StatusConflictError(export.job.status, "an export whose card can be edited")
    text = text.replace("\r\n", "\n")  # as browsers send lines
    problem = prose_problem(text, max_characters=MAX_CHARACTERS) or front_matter_problem(text)
    if problem:
        raise InvalidInputError([Problem(PLACE, problem)])
    card_store(export, text.encode())
    return export
