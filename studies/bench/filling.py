"""Sets up an installation and fills its database: many studies, and a large one.

A few studies get trials and events of their own; the others get copies of theirs.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from io import StringIO
from random import Random
from typing import Any, Final

from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from studies import commands
from studies.bench import rows
from studies.bench.copying import copy_rows
from studies.events import BaselineScored, Event, Noted, TrialFailed, TrialFinished, TrialStarted
from studies.models import Job, Profile, ResponseSet, Study, StudyEvent, StudyTag, Trial
from studies.models.study import StudyStatus as Status
from studies.selectors import trial_out, trials_of
from studies.tokens import token_create

Json = dict[str, Any]
N_PATTERNS: Final = 10  # studies with trials of their own
N_MEMBERS: Final = 8  # people who share the studies
N_TOKENS: Final = 20  # in turns, so that no rate limit is met
N_COMPARED: Final = 8
N_RUNNING: Final = 2
N_QUEUED: Final = 20
OTHERS: Final = (
    *[Status.COMPLETED] * 16,
    Status.STOPPED,
    Status.STOPPED,
    Status.FAILED,
    Status.DRAFT,
)
TAGS: Final = ("keep", "to export", "bad", "baseline", "seed", "paper", "retry", "old", "long")
COUNTERS: Final = ("n_finished", "n_failed", "best", "seconds", "event_count")
AT_ONCE: Final = 500  # rows of an insert


def fill(n_studies: int, n_trials: int, n_large: int) -> Json:
    """Set up and fill the database; say what pages can be asked for, and what filling took."""
    call_command("quickstart", stdout=StringIO())
    begun = time.perf_counter()
    _pragmas("journal_mode=OFF", "synchronous=OFF", "cache_size=-262144")  # nobody will miss it
    random = Random(0)  # noqa: S311 - numbers of a benchmark
    admin = User.objects.get(username="admin")
    members = _members()
    # A draft as the product makes it: the others share its frozen settings.
    first = commands.study_create(
        admin, model="demo", profile=Profile.objects.get(slug="demo"), name="First", start=False
    )
    studies = _studies(first, members, n_studies, n_trials)
    large = _studies(first, members[:1], 1, n_large)[0]
    patterns, others = studies[:N_PATTERNS], studies[N_PATTERNS:]
    Study.objects.bulk_create([*patterns, large])
    for study in (*patterns, large):
        _work_through(study, random)
    pairs = [(patterns[index % N_PATTERNS], study) for index, study in enumerate(others)]
    for pattern, study in pairs:
        for name in COUNTERS:
            setattr(study, name, getattr(pattern, name))
    Study.objects.bulk_create(others, AT_ONCE)
    copy_rows(pairs)
    StudyTag.objects.bulk_create(_tags(studies), AT_ONCE)
    Job.objects.bulk_create(map(_job, [*studies, large]), AT_ONCE)
    _answers(studies[0], n_trials // 2, random)
    _pragmas("journal_mode=WAL")
    return {
        "sessions": {"staff": _session(admin), "member": _session(members[0])},
        "tokens": [token_create(admin, f"bench {n}")[1] for n in range(N_TOKENS)],
        "places": {
            "study": str(studies[0].pk),
            "large": str(large.pk),
            "compared": ",".join(str(study.pk) for study in studies[:N_COMPARED]),
            "trial": n_trials // 2,
            "last_of_large": n_large - 1,
            "end_of_list": max(0, n_studies - 50),
        },
        "rows": {
            "studies": Study.objects.count(),
            "trials": Trial.objects.count(),
            "events": StudyEvent.objects.count(),
        },
        "seconds": time.perf_counter() - begun,
    }


def _pragmas(*settings: str) -> None:
    with connection.cursor() as cursor:
        for setting in settings:
            cursor.execute(f"PRAGMA {setting}")


def _members() -> list[User]:
    members = [User.objects.create_user(f"member{number}") for number in range(N_MEMBERS)]
    group = Group.objects.get(name="Operator")
    for member in members:
        member.groups.add(group)
    return members


def _session(user: User) -> str:
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client.cookies["sessionid"].value


def _studies(first: Study, owners: Sequence[User], count: int, n_trials: int) -> list[Study]:
    """Studies without trials, the newest first; they are not saved."""
    now = timezone.now()
    studies = []
    for index in range(count):
        created = now - timedelta(minutes=10 * (index + 1))
        status = _status(index) if count > 1 else Status.COMPLETED
        studies.append(
            Study(
                owner=owners[index % len(owners)],
                name=f"Study {index} of seed {index % 7}",
                notes="A second look at the first layers. " * (index % 5),
                model=f"organisation-{index % 9}/model-{index % 40}-instruct",
                profile_id=first.profile_id,
                status=status,
                created_at=created,
                started_at=created,
                finished_at=created + timedelta(seconds=rows.SECONDS * n_trials),
                snapshot=first.snapshot,
                n_trials=n_trials,
                n_layers=rows.N_LAYERS,
                facts=rows.FACTS,
                baseline=rows.BASELINE,
                progress=rows.PROGRESS if status == Status.RUNNING else {},
                error="The model has no chat template." if status == Status.FAILED else "",
            )
        )
    return studies


def _status(index: int) -> Status:
    if index < N_RUNNING:
        return Status.RUNNING
    return Status.QUEUED if index < N_RUNNING + N_QUEUED else OTHERS[index % len(OTHERS)]


def _tags(studies: Sequence[Study]) -> Iterator[StudyTag]:
    for index, study in enumerate(studies):
        for place in range(index % 3):
            yield StudyTag(study=study, tag=TAGS[(index + place) % len(TAGS)])


def _job(study: Study) -> Job:
    same = {Status.QUEUED: Job.Status.QUEUED, Status.RUNNING: Job.Status.RUNNING}
    status = same.get(Status(study.status), Job.Status.DONE)
    return Job(kind=Job.Kind.STUDY_RUN, study=study, status=status)


def _work_through(study: Study, random: Random) -> None:
    """Give a study its trials, and the events with which they came."""
    trials = rows.trials_of_study(study, study.created_at, random)
    Trial.objects.bulk_create(trials, AT_ONCE)
    events = [*_beginning(study), *_news(study)]
    StudyEvent.objects.bulk_create(
        (
            StudyEvent(study=study, number=number, kind=event.kind, payload=asdict(event), at=at)
            for number, (event, at) in enumerate(events, start=1)
        ),
        AT_ONCE,
    )
    failed = sum(trial.state == Trial.State.FAILED for trial in trials)
    study.n_finished, study.n_failed = len(trials) - failed, failed
    study.best = rows.best_of(trials)
    study.seconds = rows.SECONDS * len(trials)
    study.event_count = len(events)
    study.save()


def _beginning(study: Study) -> Iterator[tuple[Event, datetime]]:
    yield BaselineScored(scores=rows.BASELINE), study.created_at
    yield Noted(text="The answers have no common beginning."), study.created_at


def _news(study: Study) -> Iterator[tuple[Event, datetime]]:
    front: list[int] = []
    for count, trial in enumerate(trials_of(study), start=1):
        begun = trial.finished_at - timedelta(seconds=trial.seconds)
        yield TrialStarted(trial=trial.number, parameters=trial.parameters), begun
        out = trial_out(trial)
        if trial.state == Trial.State.FAILED:
            yield TrialFailed(trial=out, reason=trial.error), trial.finished_at
            continue
        front += [trial.number] if trial.is_pareto else []
        event = TrialFinished(trial=out, front=list(front), n_finished=count)
        yield event, trial.finished_at


def _answers(study: Study, number: int, random: Random) -> None:
    """Store what one trial and the original model answered."""
    digests = {row["digest"] for row in study.snapshot["prompts"].values()}
    trial = Trial.objects.get(study=study, number=number)
    for of in (trial, None):
        ResponseSet.objects.create(
            study=study, trial=of, scorer="Keywords", prompts_digest=min(digests),
            items=rows.answers(random),
        )  # fmt: skip
