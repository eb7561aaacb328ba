"""The status page for its readers, and its set-up for those who manage it."""

from __future__ import annotations

from datetime import UTC

from django.contrib import messages
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from incidents.statuspages import queries, services
from incidents.statuspages.forms import StatusPageForm
from incidents.statuspages.models import StatusPage
from observability.core import clock, etag
from observability.core.access import Request, known, viewed
from observability.core.permissions import Verb, allowed
from observability.core.refusals import Refused

KEPT_SECONDS = 30


@require_safe
def page(request: HttpRequest, slug: str) -> HttpResponse:
    """Public: to everyone, kept briefly. Private: to members; to others it does not exist."""
    found = StatusPage.objects.filter(slug=slug).first()
    if found is None or not (found.public or _is_member(request, found)):
        raise Http404("There is no such status page.")
    key = f"status-page-{queries.edition(page=found)}"
    text = cache.get(key)
    if text is None:
        # Rendered without the request and in no reader's zone: nothing of who looks may enter what others are shown.
        with timezone.override(UTC):
            text = render_to_string("statuspages/page.html", {"board": queries.board(page=found, now=clock.now())})
        cache.set(key, text, KEPT_SECONDS)
    response = etag.unless_same(request, text)
    response.headers["Cache-Control"] = f"public, max-age={KEPT_SECONDS}" if found.public else "private, no-cache"
    return response


def _is_member(request: HttpRequest, page: StatusPage) -> bool:
    if not request.user.is_authenticated:
        return False
    try:
        return known(request).organisation.pk == page.organisation_id
    except PermissionDenied:
        return False


@require_http_methods(["GET", "HEAD", "POST"])
@viewed
def settings(request: Request) -> HttpResponse:
    found = queries.page_of(organisation=request.organisation)
    manages = allowed(request.actor, Verb.MANAGE_STATUS_PAGE, request.organisation)
    if request.method == "POST" and not manages:
        raise PermissionDenied("Only an administrator sets up the status page.")
    given = request.POST if request.method == "POST" else None
    form = StatusPageForm(given, organisation=request.organisation, page=found)
    if request.method == "POST" and form.is_valid():
        entered = form.cleaned_data
        named = dict(found.components.values_list("service_id", "name")) if found is not None else {}
        entered["components"] = [(service, named.get(service.pk, service.name)) for service in entered["components"]]
        try:
            services.save(organisation=request.organisation, actor=request.actor, now=request.moment, **entered)
        except Refused as reason:
            form.add_error(None, str(reason))
        else:
            messages.success(request, "The status page is saved.")
            return redirect("status_settings")
    shown = {"here": "status", "page": found, "form": form, "manages": manages}
    return render(request, "statuspages/settings.html", shown, status=422 if form.errors else 200)
