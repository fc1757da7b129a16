"""What a user may see."""

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Q, QuerySet

from studies.models import Job, Profile, Study

User = AbstractBaseUser | AnonymousUser | None


def studies_visible_to(user: User) -> QuerySet[Study]:
    """Return the studies a user may read; nobody (None, anonymous) may read none."""
    if user is None or not user.is_authenticated:
        return Study.objects.none()
    if getattr(user, "is_staff", False):
        return Study.objects.all()
    return Study.objects.filter(owner_id=user.pk)


def jobs_visible_to(user: User) -> QuerySet[Job]:
    """Return the jobs of the studies that a user may read, and those without one of theirs."""
    if getattr(user, "is_staff", False):
        return Job.objects.select_related("study")
    if user is None or not user.is_authenticated:
        return Job.objects.none()
    own = Q(study__in=studies_visible_to(user)) | Q(study__isnull=True, scoring__owner_id=user.pk)
    return Job.objects.filter(own).select_related("study")


def profiles_active() -> QuerySet[Profile]:
    """Return the presets offered for new studies."""
    return Profile.objects.filter(is_active=True).select_related("parent")
