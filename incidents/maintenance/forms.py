"""What a person fills in for maintenance."""

from __future__ import annotations

from datetime import datetime, timedelta

from django import forms
from django.core.exceptions import ValidationError

from incidents.alerts.maintenance import Plan

BEFORE = (
    (0, "not announced"),
    (1, "1 hour before"),
    (24, "a day before"),
    (72, "3 days before"),
    (168, "a week before"),
)


class MaintenanceForm(forms.Form):
    name = forms.CharField(max_length=200, label="Name, as it is announced")
    matchers = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 2}), max_length=4000, label='What is quiet, one a line: service="chat"'
    )
    #: Text, not a DateTimeField: that one would read it in the reader's zone.
    first = forms.CharField(
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        max_length=19,
        label="First window begins, wall time",
    )
    zone = forms.CharField(max_length=64, initial="UTC", label="Time zone, such as Europe/Paris")
    minutes = forms.IntegerField(min_value=5, max_value=30 * 24 * 60, initial=120, label="Minutes")
    rule = forms.CharField(max_length=300, required=False, label="Recurs, such as FREQ=WEEKLY;BYDAY=SU (empty: once)")
    announce = forms.TypedChoiceField(choices=BEFORE, coerce=int, initial=24, label="Announced")

    def clean_first(self) -> datetime:
        try:
            return datetime.fromisoformat(self.cleaned_data["first"]).replace(tzinfo=None)
        except ValueError:
            raise ValidationError("expected a date and a time such as 2026-03-01T02:00") from None

    def lines(self) -> list[str]:
        return [line for line in str(self.cleaned_data["matchers"]).splitlines() if line.strip()]

    def plan(self) -> Plan:
        given = self.cleaned_data
        return Plan(
            first=given["first"],
            length=timedelta(minutes=given["minutes"]),
            zone=given["zone"].strip(),
            rule=given["rule"].strip(),
        )
