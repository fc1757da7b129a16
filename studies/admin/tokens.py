"""API tokens: made and revoked here, shown once, never again."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from studies.models import ApiToken
from studies.tokens import DEFAULT_DAYS, MAX_DAYS, token_create

STATE_COLOURS = {"valid": "success", "revoked": "danger", "expired": "warning"}


class TokenForm(forms.ModelForm[ApiToken]):
    """What a token is made from; it has no field for the secret."""

    days = forms.IntegerField(
        label="Valid for (days)",
        min_value=1,
        max_value=MAX_DAYS,
        initial=DEFAULT_DAYS,
        widget=UnfoldAdminIntegerFieldWidget,
    )

    class Meta:
        model = ApiToken
        fields = ("user", "name")


@admin.register(ApiToken)
class ApiTokenAdmin(ModelAdmin):
    form = TokenForm
    list_display = (
        "name",
        "begins_with",
        "user",
        "state",
        "created_at",
        "expires_at",
        "last_used_at",
    )
    list_filter = ("is_revoked",)
    list_select_related = ("user",)
    search_fields = ("name", "user__username", "prefix")
    actions = ("revoke",)
    add_fieldsets = ((None, {"fields": ("user", "name", "days")}),)
    fields = ("user", "name", "begins_with", "state", "created_at", "expires_at", "last_used_at")

    @display(description="Begins with")
    def begins_with(self, token: ApiToken) -> str:
        return f"{token.prefix}…"

    @display(description="State", label=STATE_COLOURS)
    def state(self, token: ApiToken) -> tuple[str, str]:
        ended = token.expires_at is not None and token.expires_at <= timezone.now()
        name = "revoked" if token.is_revoked else "expired" if ended else "valid"
        return name, name.capitalize()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ANN401 - Django's signature
        """A token is made, revoked and deleted, but not changed."""
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("studies.change_apitoken"))

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"user": request.user.pk, **super().get_changeform_initial_data(request)}

    def save_model(
        self,
        request: HttpRequest,
        obj: ApiToken,
        form: TokenForm,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        """Make the token and show its secret this once."""
        made, secret = token_create(obj.user, obj.name, form.cleaned_data["days"])
        obj.__dict__.update(made.__dict__)
        text = format_html(
            "The new token, shown only now: <code class='select-all'>{}</code>", secret
        )
        self.message_user(request, text, messages.WARNING)

    @action(description="Revoke selected tokens", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        n_revoked = queryset.filter(is_revoked=False).update(is_revoked=True)
        self.message_user(request, f"Tokens revoked: {n_revoked}.", messages.SUCCESS)
