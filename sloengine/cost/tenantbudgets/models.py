"""Spending budgets."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from sloengine.cost.tenantbudgets.budget import Limits, Scope


class SpendBudget(models.Model):
    """What a tenant, a tag or a team may spend in a window, and where it stood when it was last looked at."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="spend_budgets")
    slug = models.SlugField(max_length=80)
    name = models.CharField(max_length=200)
    scope = models.CharField(max_length=10, choices=[(one.value, one.value) for one in Scope])
    who = models.CharField(max_length=200)
    days = models.PositiveSmallIntegerField(null=True, help_text="of a rolling window; none: the calendar month")
    soft_usd = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    hard_usd = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    currency = models.CharField(max_length=3, default="USD", db_default="USD")
    owner = models.CharField(max_length=150)
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=200)
    due_at = models.DateTimeField(help_text="when it is looked at again")
    checked_at = models.DateTimeField(null=True)
    standing = models.JSONField(default=dict, help_text="how it stood then, for lists")

    class Meta:
        ordering = ["scope", "who", "name"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "slug"], name="spend_budget_slug_once"),
            models.CheckConstraint(
                condition=(Q(soft_usd__gt=0) | Q(soft_usd=None)) & (Q(hard_usd__gt=0) | Q(hard_usd=None))
                & (Q(soft_usd__isnull=False) | Q(hard_usd__isnull=False)),
                name="spend_budget_has_a_limit",
            ),
        ]  # fmt: skip
        indexes = [models.Index(fields=["due_at"], name="spend_budget_due")]

    def __str__(self) -> str:
        return self.name

    @property
    def limits(self) -> Limits:
        return Limits(
            self.name,
            Scope(self.scope),
            self.who,
            self.days,
            self.soft_usd,
            self.hard_usd,
            self.owner,
            currency=self.currency,
        )
