"""Stores what the two columns of a chat say while they say it."""

import time
from collections.abc import Sequence
from itertools import takewhile
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from studies.chatting import TEXT, TURN, chat_event_record
from studies.engine.chat import Answer
from studies.jobs import Lease
from studies.models import ChatEvent, ChatTurn
from studies.models.chat import COLUMNS
from studies.selectors import turn_out

PAUSE: Final = 0.1  # seconds between two pieces of news
Json = dict[str, Any]


class TurnWriter:
    """Writes one turn as long as its job is this worker's."""

    def __init__(self, lease: Lease, turn: ChatTurn) -> None:
        self._lease, self._turn = lease, turn
        self._begun = self._written = time.monotonic()

    @transaction.atomic
    def begin(self, n_dropped: int) -> None:
        """Say that the answers begin; what an earlier start has left is wiped away.

        Raises:
            LeaseLostError: the job is no longer this worker's.
        """
        self._lease.renew()
        self._turn.n_dropped, self._turn.details = n_dropped, {}
        for column in COLUMNS:
            setattr(self._turn, column, "")
        self._turn.save(update_fields=["n_dropped", "details", *COLUMNS])
        self._tell_turn()

    def write(self, answers: Sequence[Answer]) -> None:
        """Store what is new; raises as `begin` does."""
        if news := self._take(answers):
            with transaction.atomic():
                self._lease.renew()
                self._turn.save(update_fields=["details", *COLUMNS])
                payload = {"turn": self._turn.number, "columns": news}
                chat_event_record(self._turn.chat_id, TEXT, payload)
        self._written = time.monotonic()

    @property
    def is_due(self) -> bool:
        return time.monotonic() - self._written >= PAUSE

    @transaction.atomic
    def finish(self, answers: Sequence[Answer], *, is_stopped: bool) -> None:
        """Store the whole answers, and drop the news of their pieces; raises as `begin` does."""
        self._lease.renew()
        self._take(answers)
        self._turn.is_stopped = is_stopped
        self._turn.seconds = time.monotonic() - self._begun
        self._turn.finished_at = timezone.now()
        fields = ["details", "is_stopped", "seconds", "finished_at", *COLUMNS]
        self._turn.save(update_fields=fields)
        pieces = ChatEvent.objects.filter(chat_id=self._turn.chat_id, kind=TEXT)
        pieces.delete()  # one turn at a time: all of them are this one's
        self._tell_turn()

    def _tell_turn(self) -> None:
        # The job's row as it is now: it was read before it was claimed, maybe.
        fresh = ChatTurn.objects.select_related("job", "parent").get(pk=self._turn.pk)
        chat_event_record(self._turn.chat_id, TURN, {"turn": turn_out(fresh, {})})

    def _take(self, answers: Sequence[Answer]) -> Json:
        """Put answers into the row; what changed: by column, from where on, and the text there."""
        news = {}
        for column, answer in zip(COLUMNS, answers, strict=True):
            before = getattr(self._turn, column)
            kept = _n_common(before, answer.text)
            if kept < max(len(before), len(answer.text)):
                news[column] = {"at": kept, "text": answer.text[kept:]}
            setattr(self._turn, column, answer.text)
            said = {"n_tokens": answer.n_tokens, "ending": answer.ending}
            self._turn.details = self._turn.details | {column: said}
        return news


def _n_common(before: str, now: str) -> int:
    """With how many equal characters two texts begin."""
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(before, now, strict=False))
    return sum(1 for _ in pairs)
