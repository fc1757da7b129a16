"""The page of a finished export: its model card, with a preview, and its upload."""

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_http_methods
from markdown_it import MarkdownIt

from studies import commands, selectors
from studies.cards import card_text
from studies.engine.card_metadata import split_card
from studies.engine.errors import InvalidInputError
from studies.engine.export_options import STRATEGIES
from studies.models import Export
from studies.permissions import RUN_STUDIES, require

Json = dict[str, Any]
# Raw HTML stays text, images become links (nothing is loaded from elsewhere), and the library
# makes no link of an address that could run a script.
MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def export_detail(request: HttpRequest, export_id: UUID) -> HttpResponse:
    """Show the card; a POST previews what was typed, or saves it."""
    export = get_object_or_404(selectors.exports_visible_to(request.user), pk=export_id)
    if export.ready_at is None:
        raise Http404
    if request.method != "POST":
        return _page(request, export, card_text(export))
    require(request.user, RUN_STUDIES)
    text = request.POST.get("text", "")
    if request.POST.get("action") != "save":
        return _page(request, export, text, is_typed=True)
    try:
        commands.card_update(export, text)
    except InvalidInputError as error:
        return _page(request, export, text, is_typed=True, problem=str(error), status=422)
    return redirect(request.path)


def card_html(text: str) -> SafeString:
    """The text of a card, without its front matter, as HTML that can do no harm."""
    _, body = split_card(text)
    html: str = MARKDOWN.render(body)
    return mark_safe(html)  # noqa: S308 - see MARKDOWN


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _page(
    request: HttpRequest,
    export: Export,
    text: str,
    *,
    is_typed: bool = False,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    text = text.replace("\r\n", "\n")
    metadata, _ = split_card(text)
    context = {
        "export": export,
        "kind": STRATEGIES[export.strategy].partition(":")[0],
        "study": export.job.study,
        "trial": export.trial,
        "text": text,
        "metadata": [(name, _shown(value)) for name, value in metadata.items()],
        "preview": card_html(text),
        "is_typed": is_typed,
        "problem": problem,
        "page_data": {"id": str(export.pk), "uploads": selectors.uploads_of(export)},
    }
    return render(request, "studies/export.html", context, status=status)
