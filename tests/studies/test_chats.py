"""Chats with a real tiny model: asked by command, answered by the worker, stored as rows."""

import threading

import pytest

from studies import commands, runner
from studies.chatting import ChatBusyError
from studies.engine import opening
from studies.engine.chat import Talk
from studies.engine.chat_options import ChatSettings, ChatTurnIn
from studies.engine.errors import InvalidInputError
from studies.engine.parameters import Key, nest
from studies.engine.session import Session
from studies.jobs import job_claim
from studies.lifecycle import StatusConflictError
from studies.models import Chat, ChatEvent, ChatTurn, Job, Study
from studies.runner import chat_writing, ports, reporting
from studies.runner.sessions import session_drop
from studies.selectors import chat_out, chats_visible_to
from tests.studies.tiny_studies import TINY_SETTINGS

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _own_storage(optuna_storage, monkeypatch):
    monkeypatch.setattr("studies.tasks.look_for_work", lambda: None)


@pytest.fixture
def study(make_profile, make_user, tiny_model_root):
    """A queued study on the tiny model."""
    profile = make_profile(settings=TINY_SETTINGS)
    return commands.study_create(make_user("owner"), model="tiny", profile=profile)


@pytest.fixture
def chat(study, make_trial):
    """A chat with a stored trial of a study that is not running now."""
    Study.objects.filter(pk=study.pk).update(status="completed")
    Job.objects.all().delete()
    chosen = {"direction_scope": "global", "max_weight": 1.5}
    keys = [Key(row["name"], row["component"]) for row in study.snapshot["parameters"]]
    parameters = nest({key: chosen.get(key.name, 0.6) for key in keys})
    trial = make_trial(study, responses=False, parameters=parameters)
    return commands.chat_create(study.owner, trial, ChatSettings(max_tokens=6))


def ask(chat, message="Hello", **settings):
    return commands.chat_turn(
        chat.owner, chat, ChatTurnIn.model_validate({"message": message} | settings)
    )


def again(chat, **settings):
    return commands.chat_turn(
        chat.owner, chat, ChatTurnIn.model_validate({"again": True} | settings)
    )


def work(lease_lost=None):
    """Let a worker do the next job."""
    runner.run(job_claim("worker"), lease_lost=lease_lost or threading.Event())


def shown(chat, number=-1):
    return chat_out(chat, {})["turns"][number]


def answered(chat):
    """The texts of the last turn's columns, once the worker has answered it."""
    work()
    turn = shown(chat)
    assert turn["state"] == "done", turn
    return [turn["columns"][name]["text"] for name in ("original", "ablated")]


def test_a_question_is_answered_by_both_columns(chat):
    ask(chat)
    before, after = answered(chat)

    assert "" not in (before, after)
    assert before != after
    job = Job.objects.get()
    assert (job.kind, job.status, job.payload["trial"]) == ("chat", "done", 0)
    assert job.result == {"chat": str(chat.pk), "turn": 1, "is_stopped": False}
    columns = shown(chat)["columns"]
    assert {columns[name]["ending"] for name in columns} <= {"length", "end"}


def test_the_strength_is_changed_without_loading_again(chat, monkeypatch):
    loads, load = [], opening.load_model
    monkeypatch.setattr(opening, "load_model", lambda *a, **o: loads.append(a) or load(*a, **o))
    ask(chat, strength=0)
    before, none = answered(chat)
    again(chat, strength=1.5)
    unchanged, strong = answered(chat)

    assert before == none == unchanged
    assert strong != before
    assert len(loads) == 1
    assert Chat.objects.get().settings["strength"] == 1.5


def test_what_was_said_before_is_read_in_each_column_and_a_repeated_question_is_not(chat):
    seen, speak = [], Talk.__init__

    def spied(self, loaded, method, parameters, columns, settings, **options):
        seen.append([[message.content for message in column.messages] for column in columns])
        speak(self, loaded, method, parameters, columns, settings, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Talk, "__init__", spied)
        ask(chat, "One?")
        first = answered(chat)
        again(chat, strength=0.5)
        second = answered(chat)
        ask(chat, "Two?")
        work()

    assert seen[1] == [["One?"], ["One?"]]
    assert seen[2] == [["One?", second[0], "Two?"], ["One?", second[1], "Two?"]]
    assert [turn["parent"] for turn in chat_out(chat, {})["turns"]] == [None, None, 2]
    assert first[0] == second[0]


def test_a_chat_begins_with_the_system_prompt_of_the_study(chat, study):
    frozen = study.snapshot["settings"]
    (told,) = [row["value"] for row in frozen if row["name"] == "system_prompt"]

    assert chat.settings["system_prompt"] == told
    ask(chat, system_prompt="Be brief.")
    assert Chat.objects.get().settings["system_prompt"] == "Be brief."


def test_a_draw_can_be_repeated_by_the_seed_that_it_says(chat):
    ask(chat, temperature=1.5, max_tokens=12)
    first = answered(chat)
    again(chat, seed=shown(chat)["settings"]["seed"])

    assert answered(chat) == first


def test_pieces_come_as_numbered_news_and_go_when_the_whole_is_there(chat, monkeypatch):
    monkeypatch.setattr(chat_writing, "PAUSE", 0)
    pieces, write = [], chat_writing.TurnWriter.write

    def spied(self, answers):
        write(self, answers)
        pieces.append(list(ChatEvent.objects.filter(kind="text").values_list("number", flat=True)))
        told = ChatEvent.objects.order_by("number").last().payload["columns"]
        row = ChatTurn.objects.get()
        for column, news in told.items():
            assert getattr(row, column)[news["at"] :] == news["text"]

    monkeypatch.setattr(chat_writing.TurnWriter, "write", spied)
    ask(chat)
    work()

    assert pieces[-1] == list(range(3, 3 + len(pieces[-1])))
    assert list(ChatEvent.objects.values_list("kind", flat=True)) == ["turn"] * 3
    last = ChatEvent.objects.order_by("number").last()
    assert last.number == Chat.objects.get().event_count
    assert last.payload["turn"]["state"] == "done"


def test_a_stop_between_tokens_keeps_what_was_said(chat, monkeypatch):
    monkeypatch.setattr(ports, "STOP_PAUSE", 0)
    step = Talk.step

    def stops_after_two(self):
        going = step(self)
        if self.answers()[0].n_tokens == 2:
            commands.chat_stop(chat)
        return going

    monkeypatch.setattr(Talk, "step", stops_after_two)
    ask(chat)
    work()

    turn = shown(chat)
    assert turn["state"] == "stopped"
    assert turn["columns"]["original"]["n_tokens"] == 2
    assert turn["columns"]["original"]["text"]
    with pytest.raises(StatusConflictError):
        commands.chat_stop(chat)


def test_a_queued_question_is_taken_back_at_once(chat):
    ask(chat)
    commands.chat_stop(chat)

    assert shown(chat)["state"] == "stopped"
    assert job_claim("worker") is None
    assert ChatEvent.objects.order_by("number").last().payload["turn"]["state"] == "stopped"
    ask(chat, "Another")
    assert [turn["parent"] for turn in chat_out(chat, {})["turns"]] == [None, None]


def test_a_user_has_one_question_at_a_time_over_all_chats(chat):
    other = commands.chat_create(chat.owner, chat.trial, ChatSettings())
    ask(chat)

    with pytest.raises(ChatBusyError, match="this chat"):
        ask(chat)
    with pytest.raises(ChatBusyError, match="another chat"):
        ask(other)
    with pytest.raises(StatusConflictError):
        commands.chat_delete(chat)
    work()
    ask(other)
    assert Job.objects.count() == 2


def test_requests_at_the_same_time_make_one_question(chat):
    from django.db import connection

    results = []

    def asks():
        try:
            ask(Chat.objects.select_related("owner", "trial", "study").get(pk=chat.pk))
            results.append("asked")
        except ChatBusyError:
            results.append("busy")
        finally:
            connection.close()

    threads = [threading.Thread(target=asks) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(results) == ["asked", *["busy"] * 5]
    assert ChatTurn.objects.count() == 1


def test_nothing_is_asked_again_before_a_first_question(chat):
    with pytest.raises(InvalidInputError, match="nothing has been asked yet"):
        again(chat)


def test_a_failed_trial_cannot_be_talked_to(study, make_trial):
    trial = make_trial(study, 3, state="failed", responses=False)

    with pytest.raises(InvalidInputError, match="only a complete trial"):
        commands.chat_create(study.owner, trial, ChatSettings())


def test_a_message_that_is_too_long_is_refused_in_words_and_the_model_stays(chat, monkeypatch):
    ask(chat)
    work()
    ask(chat, "x" * 3000)
    work()

    turn = shown(chat)
    assert turn["state"] == "failed"
    assert "the model reads and writes at most 2048 in all" in turn["error"]
    assert turn["error_advice"] == "Shorten the message or the system prompt."
    assert ChatEvent.objects.order_by("number").last().payload["turn"]["error"] == turn["error"]
    monkeypatch.setattr(opening, "load_model", None)  # it is not loaded again
    ask(chat, "Short")
    work()
    assert shown(chat)["state"] == "done"
    assert shown(chat)["parent"] == 1


def test_a_worker_that_was_lost_begins_the_answer_anew(chat, monkeypatch):
    ask(chat)
    lost = threading.Event()
    step = Talk.step
    monkeypatch.setattr(chat_writing, "PAUSE", 0)
    monkeypatch.setattr(Talk, "step", lambda self: step(self) and (lost.set() or True))
    work(lost)
    assert shown(chat)["state"] == "running"
    Job.objects.update(status="queued")
    session_drop()

    monkeypatch.setattr(Talk, "step", step)
    whole = answered(chat)

    again(chat)
    assert answered(chat) == whole


def test_a_worker_told_to_end_leaves_the_question_waiting(chat, monkeypatch):
    ask(chat)

    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Talk, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        work()

    assert shown(chat)["state"] == "queued"
    assert ChatEvent.objects.order_by("number").last().payload["turn"]["state"] == "queued"


def test_loading_is_shown_in_the_chat(chat, monkeypatch):
    labels = []
    prepare = Session.prepare

    def spied(self):
        facts = prepare(self)
        labels.append(Chat.objects.get().progress.get("label"))
        return facts

    monkeypatch.setattr(Session, "prepare", spied)
    ask(chat)
    work()

    assert labels == ["Preparing the matrices"]
    assert Chat.objects.get().progress == {}


def test_while_a_study_runs_questions_are_answered_between_its_trials(study, monkeypatch):
    evaluated, loads = [], []
    evaluate, load = Session.evaluate, opening.load_model
    monkeypatch.setattr(opening, "load_model", lambda *a, **o: loads.append(a) or load(*a, **o))

    def asks_after_the_first(self, parameters):
        result = evaluate(self, parameters)
        evaluated.append(ChatTurn.objects.filter(finished_at__isnull=False).count())
        return result

    def told(self, *args, **kwargs):
        record(self, *args, **kwargs)
        if len(evaluated) == 1:
            trial = study.trials.get()
            ask(commands.chat_create(study.owner, trial, ChatSettings(max_tokens=4)))

    record = reporting.DatabaseReporter.trial_took
    monkeypatch.setattr(Session, "evaluate", asks_after_the_first)
    monkeypatch.setattr(reporting.DatabaseReporter, "trial_took", told)
    work()

    study.refresh_from_db()
    assert (study.status, study.n_finished) == ("completed", 3)
    assert evaluated == [0, 1, 1]
    assert len(loads) == 1
    job = Job.objects.get(kind="chat")
    assert (job.status, job.worker_id) == ("done", "worker")
    assert ChatTurn.objects.get().ablated


def test_questions_about_another_model_wait_for_the_study_to_end(study, make_study, make_trial):
    other = make_study(owner=study.owner, model="tiny/none")
    chat = commands.chat_create(study.owner, make_trial(other, 0), ChatSettings())
    Job.objects.update(priority=50)
    ask(chat)

    work()

    assert Job.objects.get(kind="study_run").status == "done"
    assert Job.objects.get(kind="chat").status == "queued"


def test_a_chat_is_its_owners_alone(chat, make_user):
    assert chats_visible_to(chat.owner).count() == 1
    assert not chats_visible_to(make_user("boss", is_staff=True)).exists()
    assert not chats_visible_to(make_user("stranger")).exists()
    Study.objects.update(owner=make_user("new"))
    assert not chats_visible_to(chat.owner).exists()


def test_a_deleted_chat_leaves_nothing(chat):
    ask(chat)
    work()
    commands.chat_delete(chat)

    assert not Chat.objects.exists()
    assert not ChatTurn.objects.exists()
    assert not ChatEvent.objects.exists()
