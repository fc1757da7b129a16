"""Whatever went wrong with a job, in words for its owner."""

import errno

from django.db import DatabaseError
from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import SQLAlchemyError

from studies.engine.errors import EngineError
from studies.jobs import Failure

DISK_FULL = Failure(
    "The disk with the data folder is full.",
    "disk_full",
    "Free some space, then start it again; what is finished is kept.",
)


def failure_of(error: BaseException) -> Failure:
    """Put an error into words; what is not ours is named by its type and first line."""
    if isinstance(error, EngineError):
        return Failure(str(error), error.code, error.advice)
    if is_disk_full(error):
        return DISK_FULL
    if isinstance(error, OSError) and error.errno is not None:
        return Failure(
            f"The system refused: {error.strerror}.",
            "system_error",
            "Check the free space and the permissions of the data folder.",
        )
    lines = str(error).splitlines() or [""]
    return Failure(f"Unexpected {type(error).__name__}: {lines[0]}"[:500])


def is_passing(error: BaseException) -> bool:
    """Whether the database failed for a while: the job's lease ends and it starts again."""
    database = isinstance(error, DatabaseError | SQLAlchemyError | StorageInternalError)
    return database and not is_disk_full(error)


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or what caused it, says that there is no space left."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if "disk is full" in str(error):  # SQLite's words
            return True
        error = error.__cause__
    return False
