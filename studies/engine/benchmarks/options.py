"""What a user chooses for a benchmark, checked in one place for page, API and worker."""

import re
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, model_validator

from studies.engine.problems import got
from studies.engine.tables import Table, fault, faults

MAX_TASKS: Final = 20  # of one benchmark; a group counts once
LIMIT: Final = 100  # examples of each task, unless the user says otherwise
MAX_LIMIT: Final = 100_000
MAX_FEWSHOT: Final = 64
_CHARACTERS: Final = 128
# A name, never a path: the harness would read a file of that path as a task.
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.,:()+-]*", re.ASCII)


def is_task_name(text: str) -> bool:
    """Whether a text can be the name of a task, of a group of tasks, or of a tag."""
    return len(text) <= _CHARACTERS and bool(_NAME.fullmatch(text))


def _checked_task(text: str) -> str:
    if not is_task_name(text):
        raise fault(
            f"must be the name of a task: at most {_CHARACTERS} letters, digits and "
            f"_ . , : ( ) + -, beginning with a letter or digit{got(text)}"
        )
    return text


TaskName = Annotated[str, Field(strict=True), AfterValidator(_checked_task)]


class BenchmarkOptions(Table):
    """Which tasks a model is put to, and how."""

    tasks: list[TaskName] = Field(
        min_length=1,
        max_length=MAX_TASKS,
        description="Names of tasks, groups or tags of lm-evaluation-harness, or own ones.",
    )
    limit: int | None = Field(
        LIMIT, ge=1, le=MAX_LIMIT, description="The first examples of each task; null: all."
    )
    num_fewshot: int | None = Field(
        None,
        ge=0,
        le=MAX_FEWSHOT,
        description="Solved examples before each question; null: as the task says. "
        "A task that says 0 stays at 0.",
    )
    apply_chat_template: bool = Field(
        default=False, description="Ask in the model's chat format; published scores often do not."
    )

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        twice = [i for i, name in enumerate(self.tasks) if name in self.tasks[:i]]
        if twice:
            raise faults({("tasks", i): f"is chosen twice{got(self.tasks[i])}" for i in twice})
        return self
