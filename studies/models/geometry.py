"""How the residuals of a study's good and bad prompts lie in its unchanged model."""

from django.db import models

from studies.models.job import Job
from studies.models.study import Study


class Geometry(models.Model):
    """The last measurement of a study; it stays readable while another one runs."""

    study = models.OneToOneField(Study, models.CASCADE, related_name="geometry")
    job = models.OneToOneField(Job, models.CASCADE, related_name="geometry")  # the newest
    # A value for each column of the engine's `geometry_columns`, for each layer index.
    lines = models.JSONField(default=list)
    samples = models.JSONField(default=dict)  # which prompts: {good: {digest, indices, total}, …}
    measured_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "geometries"

    def __str__(self) -> str:
        return f"Geometry of {self.study}"


class GeometryProjection(models.Model):
    """What is large of a measurement: at most 1,000 prompts a layer, 240 frames."""

    geometry = models.OneToOneField(Geometry, models.CASCADE, related_name="projection")
    points = models.JSONField()  # [x, y] in thousandths, of each prompt, for each layer index
    animation = models.BinaryField()  # GIF

    def __str__(self) -> str:
        return f"Projection of {self.geometry_id}"
