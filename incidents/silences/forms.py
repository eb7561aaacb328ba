"""What a person fills in for a silence."""

from __future__ import annotations

from datetime import datetime, timedelta

from django import forms

HOURS = ((1, "1 hour"), (4, "4 hours"), (12, "12 hours"), (24, "a day"), (72, "3 days"), (168, "a week"))


class SilenceForm(forms.Form):
    matchers = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}), max_length=4000, label='What is silenced, one a line: service="chat"'
    )
    hours = forms.TypedChoiceField(choices=HOURS, coerce=int, initial=4, label="For")
    comment = forms.CharField(max_length=500, label="Why, and who knows more")

    def lines(self) -> list[str]:
        return [line for line in str(self.cleaned_data["matchers"]).splitlines() if line.strip()]

    def ends_at(self, now: datetime) -> datetime:
        return now + timedelta(hours=int(self.cleaned_data["hours"]))
