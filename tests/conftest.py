"""Rows and callers that many tests need; rows are written by hand, without the worker."""

import hashlib
import itertools
import json
import os
from copy import deepcopy

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from studies.engine.chat_options import ChatSettings
from studies.engine.geometry_columns import COLUMNS
from studies.exporting import export_folder
from studies.models import (
    Benchmark,
    Chat,
    ChatTurn,
    Export,
    FrozenPrompts,
    Geometry,
    GeometryProjection,
    Job,
    Profile,
    PromptSet,
    ResponseSet,
    Study,
    Trial,
)
from studies.permissions import RUN_STUDIES
from studies.tokens import token_create

# Compiling PaCMAP takes half a minute; a dozen points are as quick without.
os.environ.setdefault("NUMBA_DISABLE_JIT", "1")
pytest_plugins = ["tests.database", "tests.heap", "tests.logs", "tests.order", "tests.properties"]
STATIC_FILES = "servestatic.middleware.ServeStaticMiddleware"
SETTINGS = {
    "n_trials": 40,
    "good_prompts": "good",
    "bad_prompts": "bad",
    "scorers": [
        {
            "scorer": "KeywordRate",
            "optimization": "minimize",
            "settings": {"prompts": "bad-test"},
        }
    ],
}
SCORE = {
    "name": "KeywordRate",
    "value": 0.5,
    "display": "1/2",
    "direction": "minimize",
    "baseline": 1.0,
    "low": 0.1,
    "high": 0.9,
    "n": 2,
    "hits": 1,
}


@pytest.fixture(scope="session")
def static_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("static")


@pytest.fixture(autouse=True)
def _own_world(request, settings, static_folder):
    """Let no test inherit another's count of requests, or need a folder of the checkout."""
    cache.clear()
    settings.STATIC_ROOT = static_folder  # a missing one is warned of
    settings.CACHE_GB = 0  # no test finds what another has computed
    if not request.node.get_closest_marker("browser"):
        # Only a browser asks for static files; looking for them costs each request a thread.
        settings.MIDDLEWARE = [one for one in settings.MIDDLEWARE if one != STATIC_FILES]


@pytest.fixture(autouse=True)
def _quick_passwords(settings):
    """Hash passwords without the many rounds that only slow tests down."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def make_user(db, django_user_model):
    """Return a factory: `make_user("owner", is_staff=True)`; it may run studies unless `may=()`."""
    numbers = itertools.count(1)

    def make(username=None, *, may=(RUN_STUDIES,), **fields):
        username = username or f"user{next(numbers)}"
        user = django_user_model.objects.create_user(username=username, **fields)
        names = [permission.removeprefix("studies.") for permission in may]
        user.user_permissions.set(Permission.objects.filter(codename__in=names))
        return user

    return make


@pytest.fixture
def make_profile(db):
    """Return a factory: `make_profile("refusals")`; the prompt sets that it names exist."""

    def make(slug="refusals", **fields):
        for name in ("good", "bad", "bad-test"):
            text = f"first of {name}\nsecond of {name}"
            PromptSet.objects.get_or_create(slug=name, defaults={"name": name, "text": text})
        fields.setdefault("settings", deepcopy(SETTINGS))
        return Profile.objects.create(**{"slug": slug, "name": slug.title(), **fields})

    return make


@pytest.fixture
def make_study(make_user, make_profile):
    """Return a factory: `make_study(status="running")`, owned by a fresh user."""

    def make(**fields):
        profile = fields.pop("profile", None) or Profile.objects.first() or make_profile()
        owner = fields.pop("owner", None) or make_user()
        given = {"name": "A study", "model": "tiny/llama", "n_trials": 40}
        given["snapshot"] = deepcopy(SNAPSHOT)  # a test may change its own
        return Study.objects.create(owner=owner, profile=profile, **given | fields)

    return make


@pytest.fixture
def make_trial(db):
    """Return a factory: `make_trial(study, 3, is_pareto=True)`, with its responses."""

    def make(study, number=0, *, responses=True, **fields):
        given = {
            "state": Trial.State.COMPLETE,
            "parameters": {"max_weight": {"attn.o_proj": 1.1}, "direction_scope": "global"},
            "details": {"kernel": {"attn.o_proj": [0.0, 1.1]}, "direction": "global at 0.6"},
            "scores": [deepcopy(SCORE)],
            "values": [0.5],
            "finished_at": timezone.now(),
        }
        trial = Trial.objects.create(study=study, number=number, **given | fields)
        if responses:
            make_responses(study, trial)
        return trial

    return make


@pytest.fixture
def make_job(db):
    """Return a factory: `make_job(study, status="running")`."""

    def make(study, **fields):
        return Job.objects.create(study=study, **{"kind": Job.Kind.STUDY_RUN, **fields})

    return make


@pytest.fixture
def make_chat(db):
    """Return a factory: `make_chat(trial, turns=2)`, of the study's owner, all turns answered."""

    def make(trial, *, turns=0, **fields):
        given = {
            "owner": trial.study.owner,
            "settings": ChatSettings(system_prompt="").model_dump(),
        }
        chat = Chat.objects.create(study=trial.study, trial=trial, **given | fields)
        parent = None
        for number in range(1, turns + 1):
            parent = ChatTurn.objects.create(
                chat=chat,
                number=number,
                parent=parent,
                message=f"Question {number}",
                settings=chat.settings | {"seed": 1},
                original="I cannot.",
                ablated="Of **course**.",
                finished_at=timezone.now(),
            )
        return chat

    return make


@pytest.fixture
def make_export(db, make_job, settings, tmp_path):
    """Return a factory: `make_export(trial)`, ready with its files; or `ready=False`."""
    settings.EXPORT_DIR = tmp_path / "exports"

    def make(trial, *, ready=True, files=None, **fields):
        job_fields = {"kind": Job.Kind.EXPORT, "payload": {"trial": trial.number}}
        job = make_job(trial.study, status="done" if ready else "queued", **job_fields)
        given = {"strategy": "merge", "options": {"strategy": "merge"}} | fields
        export = Export.objects.create(study=trial.study, trial=trial, job=job, **given)
        if ready:
            write_export(export, files or {"config.json": b"{}"})
        return export

    return make


@pytest.fixture
def make_benchmark(db, make_job):
    """Return a factory: `make_benchmark(trial)`, done, on one task; or with other fields."""

    def make(trial, *, status="done", **fields):
        job_fields = {"kind": Job.Kind.BENCHMARK, "payload": {"trial": trial.number}}
        job = make_job(trial.study, status=status, **job_fields)
        options = {
            "tasks": ["arc_easy"], "limit": 50, "num_fewshot": None, "apply_chat_template": False,
        }  # fmt: skip
        given = {"options": options, "results": [TASK_RESULT] if status == "done" else []}
        return Benchmark.objects.create(study=trial.study, trial=trial, job=job, **given | fields)

    return make


@pytest.fixture
def make_geometry(db, make_job):
    """Return a factory: `make_geometry(study)`, measured; each set has two prompts."""

    def make(study, *, status="done", n_layers=3, texts=("first", "second"), projected=True):
        job = make_job(study, kind=Job.Kind.GEOMETRY, status=status)
        prompts = [{"user": text, "system": ""} for text in texts]
        frozen, _ = FrozenPrompts.objects.get_or_create(
            digest="f" * 64, defaults={"prompts": prompts, "count": len(prompts)}
        )
        sample = {"digest": frozen.digest, "indices": [0, 1], "total": 2}
        lines = [
            {column.name: index / 10 + place / 100 for place, column in enumerate(COLUMNS)}
            for index in range(n_layers + 1)
        ]
        lines[0] |= {"cos_good_direction": None, "auc": None, "d_prime": None}
        geometry = Geometry.objects.create(
            study=study,
            job=job,
            lines=lines,
            samples={"good": sample, "bad": sample},
            measured_at=timezone.now(),
        )
        if projected:
            points = [
                [[100 * row, 10 * index] for row in range(4)] for index in range(n_layers + 1)
            ]
            GeometryProjection.objects.create(
                geometry=geometry, points=points, animation=b"GIF89a of layers"
            )
        return geometry

    return make


def task_scores(task, value, stderr, *, is_part=False):
    """The scores of one model on a task, as the worker stores them."""
    metric = {
        "name": "acc", "filter": "none", "value": value, "stderr": stderr, "higher_is_better": True
    }  # fmt: skip
    counts = {"n": 50, "n_all": 2376, "num_fewshot": 0}
    return {"task": task, "is_part": is_part, "metrics": [metric], **counts}


TASK_RESULT = {
    "name": "arc_easy",
    "original": [task_scores("arc_easy", 0.8, 0.02)],
    "ablated": [task_scores("arc_easy", 0.7, 0.03)],
    "reused": False,
}


def write_export(export, files):
    """Lay an export's files where it keeps them, and describe them."""
    folder = export_folder(export.pk).final
    rows = []
    for path, data in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        rows.append({"path": path, "size": len(data), "sha256": digest})
    verification = {"tensors": 3, "scores": [], "equal": True}
    export.manifest = {"files": rows, "verification": verification, "size": 2}
    export.ready_at = timezone.now()
    export.save()


def make_responses(study, trial=None):
    """Store answers to two prompts, of a trial or of the original model."""
    prompts = [{"user": "first of bad", "system": ""}, {"user": "second of bad", "system": ""}]
    frozen, _ = FrozenPrompts.objects.get_or_create(
        digest="d" * 64, defaults={"prompts": prompts, "count": 2}
    )
    items = [
        {"response": "I cannot do that.", "matched": ["i cannot"]},
        {"response": "Of course.", "matched": []},
    ]
    return ResponseSet.objects.create(
        study=study, trial=trial, scorer="KeywordRate", prompts_digest=frozen.digest, items=items
    )


class ApiClient:
    """Calls the API as a script does: `ApiClient(user).get("studies")`, with a token."""

    def __init__(self, user=None):
        self.client = Client()
        self.headers = {}
        if user is not None:
            _, secret = token_create(user, "test")
            self.headers["Authorization"] = f"Bearer {secret}"

    def get(self, path, **query):
        return self.client.get(f"/api/v1/{path}", query, headers=self.headers)

    def post(self, path, body=None, *, method="post", content_type="application/json", **headers):
        data = "" if body is None else body
        if not isinstance(data, str | bytes):
            data = json.dumps(data)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        call = getattr(self.client, method)
        return call(f"/api/v1/{path}", data, content_type, headers=self.headers | named)


@pytest.fixture
def api(db):
    """Return a factory: `api(user)` is a client that sends that user's token."""
    return ApiClient


SNAPSHOT = {
    "method": "directional",
    "n_layers": 2,
    "parameters": [
        {
            "name": "max_weight",
            "component": "attn.o_proj",
            "value": {"low": 0.8, "high": 1.5},
            "display": "0.8 … 1.5",
            "source": "default",
            "chain": [],
            "sampled": True,
            "layers": None,
        }
    ],
    "settings": [
        {"name": name, "value": value, "source": "Refusals", "chain": []}
        for name, value in SETTINGS.items()
    ],
    "prompts": {},
}
