"""What a person may set for themselves."""

from __future__ import annotations

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
