"""ninja's API object, with problem documents where ninja and Django would answer in HTML."""

from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver, path
from ninja import NinjaAPI
from ninja.errors import ValidationErrorContext
from ninja.openapi.schema import OpenAPISchema

from studies.api.answers.problems import ProblemOut
from studies.api.errors import CONTENT_TYPE, Answer, answer, problem
from studies.engine.errors import InvalidInputError, Problem
from studies.engine.tables import problems_of

ARGUMENTS = ("body", "query", "page")  # names of operations' arguments that hold several values
View = Callable[..., Any]


class Api(NinjaAPI):
    def validation_error_from_error_contexts(  # type: ignore[override]  # it is only raised
        self, error_contexts: list[ValidationErrorContext[Any]]
    ) -> InvalidInputError:
        return InvalidInputError(
            Problem(_place(one.place), one.message)
            for context in error_contexts
            for one in problems_of(context.pydantic_validation_error)
        )

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:  # noqa: ANN401 - ninja's
        """Describe the API, with the one shape of every error."""
        schema = super().get_openapi_schema(**options)
        components = schema["components"].setdefault("schemas", {})
        reference = "#/components/schemas/{model}"
        described = ProblemOut.model_json_schema(ref_template=reference)
        components |= described.pop("$defs", {}) | {"ProblemOut": described}
        content = {CONTENT_TYPE: {"schema": {"$ref": reference.format(model="ProblemOut")}}}
        for operations in schema["paths"].values():
            for operation in operations.values():
                operation["responses"]["default"] = {"description": "Problem", "content": content}
        return schema

    def _get_urls(self) -> list[URLResolver | URLPattern]:
        *urls, _ = super()._get_urls()  # the last is ninja's root page
        for url in urls:
            if isinstance(url, URLPattern):
                url.callback = _with_problems(url.callback)
        # ninja finds its prefix by the name api-root.
        return [
            *urls,
            path("", not_found, name="api-root"),
            path("<path:rest>", not_found, name="not-found"),
        ]


def not_found(request: HttpRequest, rest: str = "") -> HttpResponse:
    """Answer every address that no operation has."""
    return problem(answer(Http404()))


not_found.csrf_exempt = True  # type: ignore[attr-defined]  # its answer is the same for all


def _with_problems(view: View) -> View:
    """Replace the plain answer to a wrong method."""

    @wraps(view)
    def sync_view(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:  # noqa: ANN401
        return _documented(request, view(request, **kwargs))

    @wraps(view)
    async def async_view(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:  # noqa: ANN401
        return _documented(request, await view(request, **kwargs))

    return async_view if iscoroutinefunction(view) else sync_view


def _documented(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    if not isinstance(response, HttpResponseNotAllowed):
        return response
    allowed = ", ".join(sorted(response["Allow"].split(", ")))
    detail = f"{request.method} is not possible here; allowed: {allowed}."
    refused = problem(Answer(405, "method_not_allowed", detail))
    refused["Allow"] = allowed
    return refused


def _place(place: str) -> str:
    """Drop the name of the operation's argument, which no user has typed."""
    for argument in ARGUMENTS:
        if place.startswith((f"{argument}.", f"{argument}[")):
            return place.removeprefix(argument).removeprefix(".")
    return place
