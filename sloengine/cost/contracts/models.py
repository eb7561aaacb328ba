"""Contracts, and the reviews that their caps open."""

from __future__ import annotations

from django.db import models

from sloengine.cost.contracts.terms import Period, Terms


def _rate(text: str) -> models.DecimalField:  # type: ignore[type-arg]
    return models.DecimalField(max_digits=14, decimal_places=8, help_text=text)


class Contract(models.Model):
    """The terms of a committed-use contract, and where it stood when it was last looked at."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="contracts")
    slug = models.SlugField(max_length=80)
    name = models.CharField(max_length=200)
    starts_on = models.DateField()
    ends_on = models.DateField(help_text="the last day")
    period = models.CharField(max_length=10, choices=[(one.value, one.value) for one in Period])
    commitment_tokens = models.BigIntegerField(help_text="a period")
    rate = _rate("USD per 1,000 tokens up to the commitment")
    overage_rate = _rate("USD per 1,000 tokens between commitment and cap")
    overage_cap_ratio = _rate("of the commitment")
    rate_beyond = _rate("USD per 1,000 tokens beyond the cap")
    shortfall_paid = models.BooleanField(default=True)
    currency = models.CharField(max_length=3, default="USD")
    owner = models.CharField(max_length=150)
    country = models.CharField(max_length=2, blank=True, help_text="whose holidays move due dates")
    zone = models.CharField(max_length=64, default="UTC")
    services = models.JSONField(default=list, blank=True, help_text="slugs; none: every service")
    token_classes = models.JSONField(default=list, blank=True, help_text="none: every class")
    carried_tokens = models.BigIntegerField(default=0)
    counted_from = models.DateField(null=True, blank=True)
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=200)
    ended_at = models.DateTimeField(null=True, blank=True, help_text="called off: it is not looked at any more")
    due_at = models.DateTimeField(null=True, blank=True, help_text="when it is looked at again")
    checked_at = models.DateTimeField(null=True, blank=True)
    standing = models.JSONField(default=dict, blank=True, help_text="how it stood then, for lists")

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "slug"], name="contract_slug_once"),
            models.CheckConstraint(
                condition=models.Q(
                    commitment_tokens__gt=0, rate__gte=0, overage_rate__gte=0, overage_cap_ratio__gte=0, rate_beyond__gte=0,
                    carried_tokens__gte=0,
                ),
                name="contract_amounts_are_not_negative",
            ),
            models.CheckConstraint(condition=models.Q(ends_on__gte=models.F("starts_on")), name="contract_has_a_term"),
        ]  # fmt: skip
        indexes = [models.Index(fields=["due_at"], name="contract_due")]

    def __str__(self) -> str:
        return self.name

    @property
    def terms(self) -> Terms:
        return Terms(
            name=self.name,
            starts_on=self.starts_on,
            ends_on=self.ends_on,
            period=Period(self.period),
            commitment_tokens=self.commitment_tokens,
            rate=self.rate.normalize(),
            overage_rate=self.overage_rate.normalize(),
            overage_cap_ratio=self.overage_cap_ratio.normalize(),
            rate_beyond=self.rate_beyond.normalize(),
            shortfall_paid=self.shortfall_paid,
            currency=self.currency,
            owner=self.owner,
            country=self.country,
            zone=self.zone,
            services=tuple(self.services),
            token_classes=tuple(self.token_classes),
            carried_tokens=self.carried_tokens,
            counted_from=self.counted_from,
        )


class CostReview(models.Model):
    """Opened when the cap of a period is passed; somebody says until `due_on` what is done about it."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="cost_reviews")
    contract = models.ForeignKey(Contract, on_delete=models.CASCADE, related_name="reviews")
    period_first = models.DateField(help_text="the first day of the period whose cap was passed")
    opened_at = models.DateTimeField()
    tokens = models.BigIntegerField(help_text="used when it was opened")
    usd = models.DecimalField(max_digits=20, decimal_places=8, help_text="the bill of the period by then")
    owner = models.CharField(max_length=150)
    due_on = models.DateField()
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.CharField(max_length=200, blank=True)
    note = models.TextField(blank=True)

    class Meta:
        ordering = ["-opened_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["contract", "period_first"], name="cost_review_once_a_period"),
            models.CheckConstraint(
                condition=models.Q(closed_at=None) | ~models.Q(note=""), name="cost_review_closed_with_a_note"
            ),
        ]

    def __str__(self) -> str:
        return f"cost review of {self.contract_id} from {self.period_first}"
