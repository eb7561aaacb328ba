"""What a person may set for themselves."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError

THEMES = (("auto", "As the device says"), ("light", "Light"), ("dark", "Dark"))


class PreferencesForm(forms.Form):
    display_name = forms.CharField(max_length=200, required=False, label="Name that others see")
    time_zone = forms.CharField(max_length=64, label="Time zone, such as Europe/Vienna")
    theme = forms.ChoiceField(choices=THEMES, label="Theme")

    def clean_time_zone(self) -> str:
        name = str(self.cleaned_data["time_zone"]).strip()
        if name not in available_timezones():
            raise ValidationError(
                f"{name!r} is no time zone of the IANA list; expected a name such as UTC or Europe/Vienna."
            )
        return name


#: How long a token may live: its label and its days; 0 for one that ends only when it is revoked.
LIFETIMES = ((30, "30 days"), (90, "90 days"), (365, "a year"), (0, "until revoked"))


class TokenForm(forms.Form):
    name = forms.CharField(max_length=100, label="What it is for, such as deploy gate")
    read_only = forms.BooleanField(required=False, initial=True, label="It only reads")
    days = forms.TypedChoiceField(choices=LIFETIMES, coerce=int, initial=90, label="It ends after")

    def expires_at(self, now: datetime) -> datetime | None:
        days = int(self.cleaned_data["days"])
        return now + timedelta(days=days) if days else None
