"""/metrics/slo?service=: our results under Sloth's names, for who may look; nothing is kept ready between scrapes."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.http import require_safe

from observability.core.rest import BySession, ByToken
from sloengine.reports import queries


@require_safe
def slo_metrics(request: HttpRequest) -> HttpResponseBase:
    """A Prometheus comes with `authorization: {credentials: <token>}`, a person with a session."""
    caller = ByToken()(request) or BySession().authenticate(request, None)
    if caller is None:
        refused = HttpResponse(
            "Log in, or send Authorization: Bearer with a token.\n", status=401, content_type="text/plain"
        )
        refused.headers["WWW-Authenticate"] = "Bearer"
        return refused
    text = queries.exposed(organisation=caller.organisation, service=request.GET.get("service", ""), now=caller.moment)
    return StreamingHttpResponse(text, content_type="text/plain; version=0.0.4; charset=utf-8")
