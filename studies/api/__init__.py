"""The REST API: `path("api/v1/", api.urls)`."""

from studies.api import (
    benchmarks,
    cards,
    chats,
    downloads,
    evaluations,
    events,
    exports,
    figures,
    forks,
    geometry,
    health,
    jobs,
    labels,
    notifications,
    overrides,
    profile_changes,
    profile_files,
    prompt_sets,
    reproductions,
    scorings,
    studies,
    trials,
    uploads,
)
from studies.api.application import Api
from studies.api.auth import browser_auth, docs_guard, token_auth
from studies.api.errors import register_handlers
from studies.api.parsing import StrictParser
from studies.api.throttling import RateLimit

api = Api(
    title="Heretic Web",
    version="1",
    description="Studies, trials, presets and prompt sets. Every error is a problem document.",
    auth=[token_auth, browser_auth],
    throttle=RateLimit(),
    parser=StrictParser(),
    docs_decorator=docs_guard,
)
register_handlers(api)
api.add_router("/health", health.router)
api.add_router("/profiles", profile_files.router)  # before the address of a preset
api.add_router("/profiles", profile_changes.router)  # with the reading of profiles
api.add_router("/overrides", overrides.router)
api.add_router("/prompt-sets", prompt_sets.router)
api.add_router("/studies", studies.router)
api.add_router("/studies", forks.router)
api.add_router("/studies", trials.router)
api.add_router("/studies", labels.router)
api.add_router("/studies", figures.router)
api.add_router("/studies", downloads.router)
api.add_router("/studies", geometry.router)
api.add_router("/studies", events.router)
api.add_router("/studies", exports.trial_router)
api.add_router("/studies", chats.trial_router)
api.add_router("/studies", scorings.study_router)
api.add_router("/scorings", scorings.router)
api.add_router("/evaluations", evaluations.router)
api.add_router("/studies", benchmarks.study_router)
api.add_router("/benchmarks", benchmarks.router)
api.add_router("/chats", chats.router)
api.add_router("/exports", exports.router)
api.add_router("/exports", cards.router)
api.add_router("/exports", uploads.router)
api.add_router("/reproductions", reproductions.router)
api.add_router("/jobs", jobs.router)
api.add_router("/account/notifications", notifications.router)
