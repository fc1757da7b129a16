"""A user's own settings."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from studies import selectors


@require_safe
@login_required
def account_notifications(request: HttpRequest) -> HttpResponse:
    """Show whom to tell, and what came of telling; the page changes it by the API."""
    targets = selectors.notice_targets_of(request.user)
    page_data = {
        "targets": [selectors.notice_target_out(target) for target in targets],
        "deliveries": selectors.notice_deliveries_of(request.user),
        "email": getattr(request.user, "email", "") if settings.EMAIL_IS_SET_UP else "",
    }
    return render(request, "studies/notifications.html", {"page_data": page_data})
