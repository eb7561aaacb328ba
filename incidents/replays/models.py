"""The shadow log."""

from __future__ import annotations

from django.db import models


class StoredAnswer(models.Model):
    """What a version said to a stored prompt; the first answer stays, so that "before" does not move."""

    service = models.ForeignKey("sloengine.Service", on_delete=models.CASCADE, related_name="stored_answers")
    version = models.CharField(max_length=200)
    prompt_key = models.CharField(max_length=32)
    slice = models.CharField(max_length=200)
    prompt = models.TextField()
    answer = models.TextField()
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["service", "version", "prompt_key"], name="stored_answer_once"),
        ]

    def __str__(self) -> str:
        return f"{self.service_id} {self.version}: {self.slice} {self.prompt_key}"
