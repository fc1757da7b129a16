"""Conversations with a trial's model beside the original, and their numbered news."""

import uuid
from typing import Any, Final

from django.conf import settings
from django.db import models
from django.utils import timezone

from studies.models.job import Job
from studies.models.study import Study
from studies.models.trial import Trial

COLUMNS: Final = ("original", "ablated")  # the sides of a chat; names of the turns' columns too


class Chat(models.Model):
    """One user's conversation; nobody else reads it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="chats")
    study = models.ForeignKey(Study, models.CASCADE, related_name="chats")
    trial = models.ForeignKey(Trial, models.CASCADE, related_name="chats")
    title = models.CharField(max_length=100, blank=True)  # from its first question
    settings = models.JSONField()  # as `ChatSettings` reads them; those of the next turn
    event_count = models.PositiveIntegerField(default=0)
    progress = models.JSONField(default=dict)  # while a model is loaded for it
    progress_count = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-changed_at"]
        indexes = [
            models.Index(fields=["owner", "-changed_at"], name="chat_owner_newest"),
            models.Index(fields=["trial", "owner", "-changed_at"], name="chat_of_trial"),
        ]

    def __str__(self) -> str:
        return self.title or "a chat"


class ChatTurn(models.Model):
    """A question and the answers of both columns, which grow while they are generated.

    `finished_at` is set once both have ended or were stopped; until then the job says how it
    stands. A question that was asked again has the same parent as the first time.
    """

    chat = models.ForeignKey(Chat, models.CASCADE, related_name="turns")
    number = models.PositiveIntegerField(help_text="1, 2, 3 … within a chat.")
    parent = models.ForeignKey(  # the turn that it follows in the dialogue
        "self", models.CASCADE, null=True, blank=True, related_name="followers"
    )
    job = models.OneToOneField(
        Job, models.SET_NULL, null=True, blank=True, related_name="chat_turn"
    )
    message = models.TextField()
    settings = models.JSONField()  # with the seed that was drawn, so that it can be repeated
    original = models.TextField(blank=True)
    ablated = models.TextField(blank=True)
    details = models.JSONField(default=dict)  # {column: {n_tokens, ending}}
    n_dropped = models.PositiveIntegerField(default=0)  # old turns that did not fit
    is_stopped = models.BooleanField(default=False)
    seconds = models.FloatField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["chat_id", "number"]
        constraints = [
            models.UniqueConstraint(fields=["chat", "number"], name="chat_turn_number_unique"),
        ]

    def __str__(self) -> str:
        return f"turn {self.number}"


class ChatEvent(models.Model):
    """One piece of news of a chat; the pieces of an answer go when the whole of it is there."""

    chat = models.ForeignKey(Chat, models.CASCADE, related_name="events")
    number = models.PositiveIntegerField(help_text="1, 2, 3 … within a chat.")
    kind = models.CharField(max_length=10)  # turn, text
    payload = models.JSONField()

    class Meta:
        ordering = ["chat_id", "number"]
        constraints = [
            models.UniqueConstraint(fields=["chat", "number"], name="chat_event_number_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.chat_id}/{self.number} {self.kind}"

    def as_message(self) -> dict[str, Any]:
        return {**self.payload, "number": self.number, "kind": self.kind}
