"""Which starter rows this installation was given."""

from django.db import models


class Starter(models.Model):
    """Remembers a starter by its key, so that one that was edited or deleted stays so."""

    key = models.CharField(max_length=100, primary_key=True)
    seeded_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.key
