"""The acknowledge link, and the demo pager's inbox.

Mail scanners and chat previews open links by themselves, so GET and HEAD show a page and change nothing; only POST
acknowledges. Neither view needs a login: the token in the address is the secret, and it is why no CSRF token is asked
for. A page that makes a browser POST here would have to know the token, and who knows it may acknowledge.
"""

from __future__ import annotations

from http import HTTPStatus

import orjson
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from incidents.paging import services as paging
from incidents.paging.services import LinkVerdict
from incidents.paging.signature import HEADER
from incidents.response import services as response
from incidents.response.services import MoveRefused
from observability.core import clock
from observability.core.permissions import NotAllowed

LARGEST_MESSAGE_BYTES = 64 * 1024
UNKNOWN_TOKENS_A_MINUTE = 30
_STATUS = {
    LinkVerdict.GOOD: HTTPStatus.OK,
    LinkVerdict.USED: HTTPStatus.OK,
    LinkVerdict.EXPIRED: HTTPStatus.GONE,
    LinkVerdict.UNKNOWN: HTTPStatus.NOT_FOUND,
}


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def acknowledge(request: HttpRequest, token: str) -> HttpResponseBase:
    """GET and HEAD show what would be acknowledged; POST does it, with verb=resolve it resolves."""
    refused, verb = "", request.POST.get("verb", "acknowledge")
    verdict, link = paging.find_link(token=token, now=clock.now())
    # Asked only of unknown ones: whoever guesses behind the same proxy keeps nobody from answering a page.
    if verdict is LinkVerdict.UNKNOWN and _guesses_too_much(request):
        return HttpResponse("Too many unknown links from here; try again in a minute.\n", status=429)
    if request.method == "POST":
        try:
            by_link = response.resolve_by_link if verb == "resolve" else response.acknowledge_by_link
            verdict, _ = by_link(token=token, now=clock.now())
        except (NotAllowed, MoveRefused) as error:
            refused = str(error)
    if verdict is LinkVerdict.UNKNOWN:
        _count_guess(request)
    incident = link.page.incident if link is not None else None
    if incident is not None:
        incident.refresh_from_db()
    context = {
        "verdict": verdict.value,
        "link": link,
        "incident": incident,
        "refused": refused,
        "done": request.method == "POST" and verdict is LinkVerdict.GOOD and not refused,
        "resolves": verb == "resolve",
        "may_resolve": link is not None
        and link.expires_at > clock.now()
        and link.page.incident.state not in {"open", "resolved"},
    }
    status = HTTPStatus.FORBIDDEN if refused else _STATUS[verdict]
    page = render(request, "paging/acknowledge.html", context, status=status)
    # The address is a secret: no other site may learn it, no cache keep it, no search engine list it.
    page["Referrer-Policy"] = "no-referrer"
    page["Cache-Control"] = "no-store"
    page["X-Robots-Tag"] = "noindex, nofollow"
    return page


@csrf_exempt
@require_POST
def demo_inbox(request: HttpRequest, token: str) -> HttpResponse:
    """Where a demo pager's messages arrive, over HTTP and signed like any other's."""
    if int(request.headers.get("Content-Length") or 0) > LARGEST_MESSAGE_BYTES:
        return HttpResponse(status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    body = request.body
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        payload = None
    if not isinstance(payload, dict):
        return HttpResponse("expected a JSON object\n", status=HTTPStatus.BAD_REQUEST)
    received = paging.receive_demo_message(
        token=token, body=body, signature=request.headers.get(HEADER, ""), payload=payload, now=clock.now()
    )
    return HttpResponse(status=HTTPStatus.NO_CONTENT if received is not None else HTTPStatus.FORBIDDEN)


def _guesses_too_much(request: HttpRequest) -> bool:
    return int(cache.get(_guess_key(request), 0)) >= UNKNOWN_TOKENS_A_MINUTE


def _count_guess(request: HttpRequest) -> None:
    key = _guess_key(request)
    cache.add(key, 0, timeout=60)
    cache.incr(key)


def _guess_key(request: HttpRequest) -> str:
    return f"ack-guesses:{request.META.get('REMOTE_ADDR', '')}"
