"""Real pages in Chromium, from a real server; the rows are written by hand."""

import pytest

from heretic_web.asgi import application
from studies.events import TrialFinished, event_record
from studies.models import Study, Trial
from studies.selectors import recommended_number, trial_out
from tests.browser import SECONDS, chromium  # noqa: F401 - a fixture
from tests.web.browser.server import LiveServer, keeping_files

PASSWORD = "a password of tests"


@pytest.fixture(scope="package")
def server(django_db_setup, django_db_blocker):
    """One server for all tests here; rows go after each test, the server stays."""
    server = LiveServer(keeping_files(application))
    with django_db_blocker.unblock():  # its threads may still read between two tests
        server.start()
        yield server
        server.stop()


@pytest.fixture
def owner(transactional_db, make_user):
    return make_user("owner", password=PASSWORD)


@pytest.fixture(scope="package")
def window(chromium, server):  # noqa: F811
    """The browser of whoever has no wishes: it has kept the site's files from earlier tests."""
    context = chromium.new_context(base_url=server.url)
    yield context
    context.close()


class Visitor:
    """Someone with a page of their own, and everything it complained about."""

    def __init__(self, context, server):
        self.context = context
        self.context.set_default_timeout(SECONDS * 1000)
        self.page = self.context.new_page()
        self.complaints = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", self._dialog)
        self.page.on("console", self._console)
        self.page.on("request", self._request)
        self._own = server.url

    def log_in(self, client, user):
        client.force_login(user)
        cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value}
        self.context.add_cookies([cookie | {"url": self._own}])
        return self

    def goes_to(self, path):
        self.page.goto(path)
        return self.page

    def leaves(self):
        """Take along all that a site can see.

        The page stays, elsewhere: Chromium may never close one that has just gone there.
        """
        origin = {"origin": self._own, "storageTypes": "local_storage"}
        self.context.new_cdp_session(self.page).send("Storage.clearDataForOrigin", origin)
        self.context.clear_cookies()
        self.page.goto("about:blank")

    def _dialog(self, dialog):
        self.complaints.append("a dialog opened")
        dialog.accept()  # a form with changes asks before it is left

    def _console(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _request(self, request):
        if not request.url.startswith((self._own, "data:")):
            self.complaints.append(f"a request to {request.url}")


@pytest.fixture
def visit(chromium, window, server, client, owner):  # noqa: F811
    """Return a factory: `visit(viewport=…)` is the owner, logged in.

    The first has the browser that all tests share; who has wishes gets a new one, and so does who
    comes next, or `alone`.
    """
    visitors = []

    def make(user=owner, *, alone=False, **options):
        if visitors or alone or options:
            context = chromium.new_context(base_url=server.url, **options)
        else:
            context = window
        visitor = Visitor(context, server)
        visitors.append(visitor)
        return visitor.log_in(client, user) if user else visitor

    yield make
    for visitor in visitors:
        if visitor.context is window:
            visitor.leaves()
        else:
            visitor.context.close()


@pytest.fixture
def study(make_study, owner):
    """A running study of the owner."""
    return make_study(owner=owner, status="running", name="Watched")


@pytest.fixture
def finish(make_trial):
    """Return a function that finishes a trial as the runner does: row, counters, event."""

    def finished(study, number, value=0.5, *, front=()):
        score = {
            "name": "Keywords",
            "value": value,
            "display": f"{round(100 * value)}/100",
            "direction": "minimize",
            "baseline": 1.0,
            "low": None,
            "high": None,
        }
        Trial.objects.filter(study=study).update(is_pareto=False)
        trial = make_trial(study, number, scores=[score], values=[value])
        Trial.objects.filter(study=study, number__in=front).update(is_pareto=True)
        trial.refresh_from_db()
        count = Trial.objects.filter(study=study).count()
        Study.objects.filter(pk=study.pk).update(n_finished=count)
        event_record(
            study.pk,
            TrialFinished(
                trial=trial_out(trial),
                front=list(front),
                n_finished=count,
                recommended=recommended_number(study),
            ),
        )

    return finished
