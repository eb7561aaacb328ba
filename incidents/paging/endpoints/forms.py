"""Forms of the pagers page: each asks only for what its kind needs, in that vendor's words."""

from __future__ import annotations

from typing import Any

from django import forms

from incidents.paging.channels import CHANNELS
from incidents.paging.template import MEANING
from observability.core.models import Organisation, User
from sloengine.catalog.models import Service


class EndpointForm(forms.Form):
    name = forms.CharField(max_length=100, label="Name that the timeline shows")
    user = forms.ModelChoiceField(User.objects.none(), required=False, label="Whom it reaches")
    url = forms.CharField(max_length=500, required=False)
    address = forms.CharField(max_length=320, required=False)
    secret = forms.CharField(max_length=500, required=False, widget=forms.PasswordInput(render_value=True))
    service = forms.ModelChoiceField(
        Service.objects.none(), required=False, empty_label="every service", label="Which pages a room hears"
    )
    escalates = forms.BooleanField(required=False, label="PagerDuty escalates, and Tailwatch does not")
    template = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        label="A body of your own (JSON; empty: ours)",
        help_text="Names: " + ", ".join(f"{{{name}}}" for name in MEANING),
    )

    def __init__(self, data: Any, *, kind: str, organisation: Organisation, person: User, manages: bool) -> None:
        channel = CHANNELS[kind]
        super().__init__(data, initial={"user": person.pk, "name": channel.title, "url": channel.url_default})
        asked = {"url": channel.asks_url, "address": channel.asks_address, "secret": channel.asks_key}
        for field, label in asked.items():
            if label:
                self.fields[field].label = label
            else:
                del self.fields[field]
        people: Any = self.fields["user"]
        if manages:
            people.queryset = User.objects.filter(memberships__organisation=organisation).order_by("username")
            people.empty_label = "a room, whoever is on call" if channel.shared else None
        else:
            people.queryset, people.empty_label = User.objects.filter(pk=person.pk), None
        services: Any = self.fields["service"]
        services.queryset = Service.objects.filter(organisation=organisation).order_by("slug")
        if not (channel.shared and manages):
            del self.fields["service"]
        if not (kind == "pagerduty" and manages):
            del self.fields["escalates"]
        if kind != "webhook":
            del self.fields["template"]


class CarrierForm(forms.Form):
    name = forms.CharField(max_length=100, initial="Twilio", label="Name")
    url = forms.URLField(initial="https://api.twilio.com", label="Address of its interface", assume_scheme="https")
    account = forms.CharField(max_length=100, label="Account SID")
    secret = forms.CharField(max_length=200, widget=forms.PasswordInput, label="Auth token")
    sender = forms.CharField(max_length=32, label="Number or sender that messages come from")
    position = forms.IntegerField(min_value=1, max_value=9, initial=1, label="Tried as number")


class SlackAppForm(forms.Form):
    signing_secret = forms.CharField(
        max_length=200, widget=forms.PasswordInput, label="Signing secret of the Slack app"
    )
