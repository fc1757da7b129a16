"""Whom to tell of what, and what came of telling."""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

from studies.models.study import Study


class NoticeKind(models.TextChoices):
    WEBHOOK = "webhook", "Webhook"
    EMAIL = "email", "E-mail"


class NoticeEvent(models.TextChoices):
    FINISHED = "finished", "Finished"
    FAILED = "failed", "Failed"
    NEW_BEST = "new_best", "New best"
    TEST = "test", "Test"


class DeliveryStatus(models.TextChoices):
    WAITING = "waiting", "Waiting"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"


class NoticeTarget(models.Model):
    """Where a user wants to hear of their studies."""

    Kind = NoticeKind

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="notice_targets"
    )
    kind = models.CharField(max_length=10, choices=NoticeKind)
    url = models.CharField(max_length=500, blank=True)  # of a webhook
    sealed_secret = models.TextField(blank=True)  # signs a webhook's calls; shown once
    on_finished = models.BooleanField(default=True)
    on_failed = models.BooleanField(default=True)
    on_new_best = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            # E-mail goes to the account's own address: there is one.
            models.UniqueConstraint(
                fields=["user"], name="notice_one_email", condition=models.Q(kind="email")
            ),
        ]

    def __str__(self) -> str:
        return self.url or "e-mail"


class NoticeDelivery(models.Model):
    """One message to one target, and the last thing that happened to it."""

    Status = DeliveryStatus

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    target = models.ForeignKey(NoticeTarget, models.CASCADE, related_name="deliveries")
    study = models.ForeignKey(Study, models.CASCADE, null=True, related_name="notices")
    event = models.CharField(max_length=10, choices=NoticeEvent)
    payload = models.JSONField()  # as it is sent
    status = models.CharField(
        max_length=10, choices=DeliveryStatus, default=DeliveryStatus.WAITING
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(default=timezone.now)  # not tried before
    result = models.CharField(max_length=200, blank=True)  # of the last try, in words
    created_at = models.DateTimeField(auto_now_add=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(
                fields=["next_at"],
                name="notice_due",
                condition=models.Q(status="waiting"),
            ),
            models.Index(fields=["target", "-created_at"], name="notice_of_target"),
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.target}"
