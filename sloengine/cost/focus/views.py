"""/cost/focus/: a dataset to keep."""

from __future__ import annotations

from django.http import HttpResponse, HttpResponseBadRequest
from django.views.decorators.http import require_safe

from observability.core.access import Request, viewed
from sloengine.cost.focus.dataset import Basis
from sloengine.cost.focus.exports import FORMATS, encoded
from sloengine.cost.focus.queries import export
from sloengine.cost.ledger.stretches import DAY
from sloengine.cost.ledger.tables import instant

MOST_DAYS = 31


@require_safe
@viewed
def focus(request: Request) -> HttpResponse:
    """?since=2026-11-01&until=2026-11-08&basis=tokens&format=csv; at most 31 days at once."""
    given = request.GET
    basis, form = given.get("basis", Basis.TOKENS), given.get("format", "csv")
    try:
        since, until = instant(given.get("since", "")), instant(given.get("until", ""))
    except ValueError:
        return HttpResponseBadRequest("since, until: expected dates such as 2026-11-01", content_type="text/plain")
    if basis not in list(Basis) or form not in FORMATS or not since < until <= since + MOST_DAYS * DAY:
        expected = (
            f"basis {' or '.join(Basis)}, format {' or '.join(FORMATS)}, at most {MOST_DAYS} days from since to until"
        )
        return HttpResponseBadRequest(f"expected {expected}", content_type="text/plain")
    found = export(organisation=request.organisation, since=since, until=until, basis=Basis(basis), now=request.moment)
    response = HttpResponse(encoded(found.rows, form=form), content_type=FORMATS[form])
    response.headers["Content-Disposition"] = f'attachment; filename="focus-{basis}-{since:%Y-%m-%d}.{form}"'
    response.headers["X-Left-Out"] = str(found.left_out)
    return response
