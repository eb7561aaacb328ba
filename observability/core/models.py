"""Organisations, people, teams and the audit log. Every root row of Tailwatch belongs to one organisation."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models


class Role(models.TextChoices):
    VIEWER = "viewer", "Viewer"
    RESPONDER = "responder", "Responder"
    COMMANDER = "commander", "Commander"
    ADMIN = "admin", "Administrator"
    LEADERSHIP = "leadership", "Leadership"
    AUDITOR = "auditor", "Auditor"
    RELEASE_ENGINEER = "release_engineer", "Release engineer"


class Organisation(models.Model):
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200)

    def __str__(self) -> str:
        return self.name


class User(AbstractUser):
    """A person. What they may do comes from their membership, never from is_staff or is_superuser."""

    display_name = models.CharField(max_length=200, blank=True)
    time_zone = models.CharField(max_length=64, default="UTC")

    def __str__(self) -> str:
        return self.display_name or self.username


class Team(models.Model):
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="teams")
    slug = models.SlugField()
    name = models.CharField(max_length=200)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation", "slug"], name="team_slug_once")]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role.choices)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation", "user"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.organisation}"


class AuditEntry(models.Model):
    """Who did what to what, when. Rows are only ever added: the run-time role holds no UPDATE or DELETE on the table."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="audit_entries")
    at = models.DateTimeField()
    actor = models.CharField(max_length=200)
    verb = models.CharField(max_length=64)
    object_kind = models.CharField(max_length=64)
    object_id = models.CharField(max_length=64)
    payload = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["organisation", "-at"], name="audit_newest_first")]

    def __str__(self) -> str:
        return f"{self.actor} {self.verb} {self.object_kind} {self.object_id}"


class ApiToken(models.Model):
    """A key to the REST interface. It acts as its owner, with the role they hold when it is used; only its hash is kept."""

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="api_tokens")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    token_hash = models.CharField(max_length=64, unique=True)
    read_only = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["organisation", "user"], name="api_token_of_person")]

    def __str__(self) -> str:
        return f"{self.name} of {self.user}"


class Heartbeat(models.Model):
    """When a part of the platform last showed life, by name: `worker:fast`, `worker:slow`. Read by /readyz."""

    part = models.CharField(max_length=64, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.part} at {self.at:%H:%M:%S}"
