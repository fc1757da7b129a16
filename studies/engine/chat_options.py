"""What a user chooses for a chat and says in it, checked in one place for page, API and worker."""

from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, model_validator

from studies.engine.limits import Number
from studies.engine.tables import Table, fault
from studies.engine.texts import Prose, prose_problem

MAX_STRENGTH: Final = 1.5
MAX_TOKENS: Final = 4096  # of one answer
MESSAGE_CHARACTERS: Final = 20_000
MAX_SEED: Final = 2**32 - 1


def _checked_message(text: str) -> str:
    if not text.strip():
        raise fault("must not be empty")
    if problem := prose_problem(text, max_characters=MESSAGE_CHARACTERS):
        raise fault(problem)
    return text


Message = Annotated[str, Field(strict=True), AfterValidator(_checked_message)]


class ChatSettings(Table):
    """How answers are made."""

    system_prompt: Prose | None = Field(
        default=None, description="What the model is told first; null: what the study tells it."
    )
    temperature: Annotated[Number, Field(ge=0, le=2)] = Field(
        default=0.0,
        description="0: always the most likely token, as in trials; more is more varied.",
    )
    top_p: Annotated[Number, Field(gt=0, le=1)] = Field(
        default=1.0,
        description="Draw from the likeliest tokens that make up this share; 1: from all.",
    )
    max_tokens: int = Field(
        default=256, ge=1, le=MAX_TOKENS, description="Longest answer, in tokens, of each column."
    )
    strength: Annotated[Number, Field(ge=0, le=MAX_STRENGTH)] = Field(
        default=1.0,
        description="Scales the ablation: 0 is the original model, 1 the trial as scored.",
    )
    seed: int | None = Field(
        default=None,
        ge=0,
        le=MAX_SEED,
        description="Repeats the same draws; null: new ones each time.",
    )


class ChatTurnIn(ChatSettings):
    """One question; what is not given is as it was in the chat before."""

    message: Message | None = Field(default=None, description="The question.")
    again: bool = Field(
        default=False, description="Ask the last question again, with these settings."
    )

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        if self.again and self.message is not None:
            raise fault("has a message, so it cannot ask the last one again as well")
        if not self.again and self.message is None:
            raise fault("needs a message, or again: true")
        return self

    def changes(self) -> dict[str, object]:
        """The settings that were given, as JSON."""
        return self.model_dump(mode="json", exclude_unset=True, exclude={"message", "again"})
