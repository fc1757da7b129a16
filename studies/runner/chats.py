"""Answers questions of chats, with the model that the worker has or by loading it.

While a study runs, its trial loop calls `WaitingChats` between trials: questions about the
same model are answered there, each under a lease of its own.
"""

import logging
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from django.db.models import QuerySet

from studies.chatting import TURN, chat_event_record, chat_progress_write
from studies.engine.chat import Column, Talk
from studies.engine.chat_options import ChatSettings
from studies.engine.errors import EngineError
from studies.engine.ports import Stopped, StopSignal
from studies.engine.prompts import Message
from studies.engine.session import Session
from studies.jobs import Lease, job_claim_one, jobs_ready
from studies.models import ChatTurn, Job
from studies.models.chat import COLUMNS
from studies.models.job import JobKind
from studies.runner.chat_writing import TurnWriter
from studies.runner.job_run import JobContext, Work, run_job
from studies.runner.ports import JobReporter
from studies.runner.sessions import Prepared, model_of, prepared_session, session_key
from studies.runner.trials import trial_parameters
from studies.selectors import turn_out

Json = dict[str, Any]
logger = logging.getLogger(__name__)


def run(lease: Lease, lease_lost: threading.Event) -> None:
    """Answer the question of a claimed job; loads its model if another one is kept."""
    _answered(_loading, lease, lease_lost)


class WaitingChats:
    """Answers the waiting questions about the model of a running study, when it is called."""

    def __init__(self, study_lease: Lease, prepared: Prepared) -> None:
        self._prepared = prepared
        jobs = Job.objects.filter(pk=study_lease.job_id)
        self._worker_id = jobs.values_list("worker_id", flat=True).get()

    def __call__(self) -> None:
        """Answer what waits now; whatever becomes of it, the study goes on.

        Raises:
            KeyboardInterrupt: the worker is told to end; the question waits again.
        """
        waiting = jobs_ready().filter(kind=JobKind.CHAT).select_related("study")
        for job in waiting[:20]:
            lease = self._is_mine(job) and job_claim_one(job.pk, self._worker_id)
            if lease:
                _answered(partial(_speak, self._prepared.session), lease, threading.Event())

    def _is_mine(self, job: Job) -> bool:
        """Whether the model in memory is the one that a question is about."""
        study = job.study
        assert study is not None, "a chat is with a study's trial"
        try:
            return session_key(study, model_of(study)) == self._prepared.key
        except EngineError:  # its own start will say why that model cannot be used
            return False


class ChatReporter(JobReporter):
    """Shows in the chat itself how far the loading of its model is."""

    def __init__(self, lease: Lease, turn: ChatTurn) -> None:
        super().__init__(lease)
        self._chat_id = turn.chat_id

    def store(self, progress: Mapping[str, Any]) -> None:
        super().store(progress)
        chat_progress_write(self._chat_id, progress)


def _answered(work: Work, lease: Lease, lease_lost: threading.Event) -> None:
    """Run the job of a question, and tell the chat how it ended, whichever way."""
    try:
        run_job(work, lease, lease_lost)
    finally:
        turn = _turns().filter(job_id=lease.job_id).first()
        if turn is not None:
            chat_progress_write(turn.chat_id, {})
            if turn.finished_at is None:  # failed, canceled, or waiting again
                chat_event_record(turn.chat_id, TURN, {"turn": turn_out(turn, {})})


def _loading(context: JobContext) -> Json:
    turn = _turns().filter(job=context.job).first()
    if turn is None:
        return {}
    reporter = ChatReporter(context.lease, turn)
    session = prepared_session(context.study, reporter, context.stop).session
    chat_progress_write(turn.chat_id, {})
    return _speak(session, context)


def _speak(session: Session, context: JobContext) -> Json:
    """Let both columns answer, and store it; nothing to do where that was done before."""
    turn = _turns().filter(job=context.job).first()
    if turn is None or turn.finished_at is not None:  # deleted, or stored by a lost worker
        return {}
    context.reporter.phase("chatting")
    writer = TurnWriter(context.lease, turn)
    with _talk(session, turn) as talk:
        writer.begin(talk.dropped)
        is_stopped = not _spoken(talk, writer, context.stop)
        answers = talk.answers()
    writer.finish(answers, is_stopped=is_stopped)
    return {"chat": str(turn.chat_id), "turn": turn.number, "is_stopped": is_stopped}


def _spoken(talk: Talk, writer: TurnWriter, stop: StopSignal) -> bool:
    """Speak to the end; False if the user has stopped it before."""
    try:
        stop.check()
        while talk.step():
            stop.check()
            if writer.is_due:
                writer.write(talk.answers())
    except Stopped:
        return False
    return True


def _talk(session: Session, turn: ChatTurn) -> Talk:
    settings = ChatSettings.model_validate(turn.settings)
    assert settings.seed is not None, "drawn when the question was queued"
    strengths = dict(zip(COLUMNS, (0.0, settings.strength), strict=True))
    columns = [
        Column(strengths[name], [*_said(turn, name), Message("user", turn.message)])
        for name in COLUMNS
    ]
    parameters = trial_parameters(turn.chat.trial)
    return Talk(session.loaded, session.method, parameters, columns, settings, seed=settings.seed)


def _said(turn: ChatTurn, column: str) -> list[Message]:
    """What was said in a column before a turn, the oldest first."""
    earlier = {one.pk: one for one in ChatTurn.objects.filter(chat_id=turn.chat_id)}

    def back() -> Iterator[ChatTurn]:
        place = turn.parent_id
        while place is not None:
            yield earlier[place]
            place = earlier[place].parent_id

    return [
        message
        for one in reversed(list(back()))
        for message in (
            Message("user", one.message),
            Message("assistant", getattr(one, column)),
        )
    ]


def _turns() -> QuerySet[ChatTurn]:
    return ChatTurn.objects.select_related("job", "parent", "chat__trial__study")
