"""Where alerts come in: by a key in the address or, for Prometheus, as a bearer token. No login, no CSRF: the key is the secret.

Under overload the answer is 503 with Retry-After, never 429: Alertmanager gives a 4xx up for good until its next flush.
"""

from __future__ import annotations

import base64
import logging
import threading
from http import HTTPStatus

import orjson
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from incidents.ingest import queries, services
from incidents.ingest.models import Integration
from incidents.ingest.services import Busy, Envelope, Received, Refused
from observability.core import clock, tokens

log = logging.getLogger(__name__)

LARGEST_BODY = 16 * 2**20
RETRY_SECONDS = 5
#: So many requests at once in a process, each waiting for its turn no longer than this: the rest of the threads serve people.
AT_ONCE = 6
WAIT_SECONDS = 2.0
_turns = threading.BoundedSemaphore(AT_ONCE)


@csrf_exempt
@require_http_methods(["POST", "PUT"])
def hook(request: HttpRequest, kind: str, key: str) -> HttpResponse:
    return _answer(request, key=key, kind=kind)


@csrf_exempt
@require_http_methods(["POST"])
def posted_alerts(request: HttpRequest, key: str) -> HttpResponse:
    """Alertmanager's API v2 under a prefix: Prometheus with `path_prefix: /hooks/alertmanager/<key>`."""
    return _answer(request, key=key, kind=Integration.Kind.ALERTMANAGER, posted=True)


@csrf_exempt
@require_http_methods(["POST"])
def posted_with_token(request: HttpRequest) -> HttpResponse:
    """Alertmanager's API v2 as it is: the key is the bearer token, or the password of basic authentication."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    key = given.strip() if scheme.lower() == "bearer" else _password(given) if scheme.lower() == "basic" else ""
    if key:
        return _answer(request, key=key, kind=Integration.Kind.ALERTMANAGER, posted=True)
    refused = _said(
        HTTPStatus.UNAUTHORIZED,
        "send the key of an Alertmanager integration: as Authorization: Bearer, or as the password of basic_auth",
    )
    refused.headers["WWW-Authenticate"] = "Bearer"
    return refused


def _password(given: str) -> str:
    """Of `user:password` in base64; "" where it is none."""
    try:
        return base64.b64decode(given.strip(), validate=True).decode().partition(":")[2].strip()
    except (ValueError, UnicodeDecodeError):
        return ""


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST", "PUT"])
def check_in(request: HttpRequest, key: str, failed: str = "") -> HttpResponse:
    """A heartbeat; at .../fail it says that something went wrong."""
    return _answer(request, key=key, kind=Integration.Kind.HEARTBEAT, failed=bool(failed))


def _answer(request: HttpRequest, *, key: str, kind: str, posted: bool = False, failed: bool = False) -> HttpResponse:
    if not _turns.acquire(timeout=WAIT_SECONDS):
        return _later("too many requests at once")
    try:
        return _received(request, key=key, kind=kind, posted=posted, failed=failed)
    except Busy as busy:
        return _later(str(busy))
    except (DatabaseError, InterfaceError) as error:
        log.warning("an alert could not be stored, the sender is asked to come again: %s", error)
        return _later("the database does not take it now")
    finally:
        _turns.release()


def _received(request: HttpRequest, *, key: str, kind: str, posted: bool, failed: bool) -> HttpResponse:
    integration = queries.of_key(key_hash=tokens.hash_token(key))
    if integration is None or integration.kind != kind:
        return _said(HTTPStatus.NOT_FOUND, "this key belongs to no integration of this kind")
    now = clock.now()
    body = _body(request)
    if len(body) > LARGEST_BODY:
        services.refuse_large(integration=integration, head=body, limit=LARGEST_BODY, now=now)
        return _said(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"found more than {LARGEST_BODY} bytes; send fewer alerts at once"
        )
    headers = request.headers if not failed else {"X-Tailwatch-Failed": "1"}
    try:
        received = services.receive(
            integration=integration, envelope=Envelope(body, posted=posted, headers=headers), now=now
        )
    except Refused as refused:
        return _said(HTTPStatus.UNAUTHORIZED, str(refused))
    return _taken(integration, received)


def _body(request: HttpRequest) -> bytes:
    """At most one byte more than is taken, whatever the sender announces; a body in chunks has no length beforehand."""
    if request.headers.get("Transfer-Encoding", "").lower() == "chunked":
        return bytes(request.META["wsgi.input"].read(LARGEST_BODY + 1))
    return bytes(request.read(LARGEST_BODY + 1))


def _taken(integration: Integration, received: Received) -> HttpResponse:
    """Stored is 2xx. What could not be read at all is 400, but for PagerDuty, which switches a webhook off after three of them."""
    unread = bool(received.error) and not received.alerts
    status = HTTPStatus.OK
    if unread:
        status = HTTPStatus.ACCEPTED if integration.kind == Integration.Kind.PAGERDUTY else HTTPStatus.BAD_REQUEST
    answer = {"event": received.event_id, "alerts": received.alerts, "duplicate": received.duplicate}
    return HttpResponse(
        orjson.dumps({**answer, **({"error": received.error} if received.error else {})}),
        status=status,
        content_type="application/json",
    )


def _later(why: str) -> HttpResponse:
    answer = _said(HTTPStatus.SERVICE_UNAVAILABLE, f"{why}; come again in {RETRY_SECONDS} s")
    answer.headers["Retry-After"] = str(RETRY_SECONDS)
    return answer


def _said(status: HTTPStatus, error: str) -> HttpResponse:
    return HttpResponse(orjson.dumps({"error": error}), status=status, content_type="application/json")
