"""The page on which one talks to a trial's model, beside the original."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from studies import selectors
from studies.engine.chat_options import ChatSettings
from studies.models import Trial
from studies.permissions import RUN_STUDIES, may

N_LISTED = 50  # chats beside the conversation; the API has the others


@require_safe
@login_required
def trial_chat(request: HttpRequest, study_id: UUID, number: int) -> HttpResponse:
    """Show a chat with a trial (`?chat=ID`), or an empty one; it is made at the first question."""
    study = get_object_or_404(selectors.studies_visible_to(request.user), pk=study_id)
    trial = get_object_or_404(Trial, study=study, number=number)
    own = selectors.chats_visible_to(request.user).filter(trial=trial)
    chosen = request.GET.get("chat", "")
    chat = get_object_or_404(own, pk=chosen) if _is_id(chosen) else None
    begin = selectors.chat_start(study)
    page_data = {
        "study": str(study.pk),
        "number": number,
        "complete": trial.state == Trial.State.COMPLETE,
        "may_ask": may(request.user, RUN_STUDIES),
        "settings": ChatSettings(system_prompt=begin["system_prompt"]).model_dump(),
        "suggestions": begin["suggestions"],
        "chat": chat and selectors.chat_out(chat, selectors.queue_places()),
        "chats": [selectors.chat_row(one) for one in own.order_by("-changed_at")[:N_LISTED]],
    }
    context = {"study": study, "trial": trial, "page_data": page_data}
    return render(request, "studies/chat.html", context)


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
