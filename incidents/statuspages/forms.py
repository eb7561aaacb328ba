"""What a person fills in for the status page."""

from __future__ import annotations

from typing import Any

from django import forms

from incidents.statuspages.models import StatusPage
from observability.core.models import Organisation
from sloengine.catalog.models import Service


class StatusPageForm(forms.Form):
    title = forms.CharField(max_length=100, label="Title")
    slug = forms.SlugField(max_length=64, label="Address: /status/…/")
    about = forms.CharField(max_length=300, required=False, label="A line under the title")
    components = forms.ModelMultipleChoiceField(
        Service.objects.none(), required=False, widget=forms.CheckboxSelectMultiple, label="Services that it names"
    )
    public = forms.BooleanField(
        required=False, label="Public: everyone who has the address may read it, without an account"
    )

    def __init__(self, data: Any, *, organisation: Organisation, page: StatusPage | None) -> None:
        initial: dict[str, Any] = {"title": organisation.name, "slug": organisation.slug}
        if page is not None:
            chosen = list(page.components.values_list("service_id", flat=True))
            initial = {
                "title": page.title, "slug": page.slug, "about": page.about, "public": page.public, "components": chosen,
            }  # fmt: skip
        super().__init__(data, initial=initial)
        services: Any = self.fields["components"]
        services.queryset = Service.objects.filter(organisation=organisation).order_by("slug")
