"""A connection to a server that speaks Prometheus's HTTP API. The only caller of prometheus-api-client.

What the client does that we cannot use, and what stands here instead (see the 0.7.2 sources): it resends heavy queries up to
three times (here: never), has no timeout (here: ours and the server's), puts even a POST's query into the URL (here: into the
body), drops `warnings` (here: they make a reading partial), and builds objects per sample (here: orjson on the bytes).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson
import requests
from prometheus_api_client import PrometheusConnect
from requests.auth import AuthBase, HTTPBasicAuth
from urllib3.util.retry import Retry

from sloengine.sources.base import Fault, SourceUnavailable, seconds_left, without_credentials
from sloengine.sources.flavours import PARAMETERS, TELLTALES, Flavour

CONNECT_SECONDS: Final = 3.0
READ_SECONDS: Final = 12.0
SERVER_SECONDS: Final = 10
#: A range over a day is no tick: it may take its time.
RANGE_SECONDS: Final = 110.0
FAULTS: Final[Mapping[int, Fault]] = {
    400: Fault.BAD_QUERY, 404: Fault.BAD_QUERY, 405: Fault.BAD_QUERY, 401: Fault.REFUSED, 403: Fault.REFUSED,
    413: Fault.TOO_MUCH, 414: Fault.TOO_MUCH, 422: Fault.TOO_MUCH, 429: Fault.BUSY, 503: Fault.BUSY,
}  # fmt: skip
SAID: Final[Mapping[Fault, str]] = {
    Fault.REFUSED: "does not let us in; look at the source's user, bearer file and tenant",
    Fault.TOO_MUCH: "says that the query exceeds its limits",
    Fault.BUSY: "is too busy",
}


@dataclass(frozen=True, slots=True)
class Access:
    """How to be let in. Files are read when they are needed, so a token or certificate that is renewed counts at once."""

    username: str = ""
    password: str = ""
    bearer_file: str = ""
    ca_file: str = ""
    certificate_file: str = ""  # ours, for mTLS
    key_file: str = ""
    org_id: str = ""  # X-Scope-OrgID; several as a|b


class _Bearer(AuthBase):
    """The token in a file. As an `auth`, since requests lets a .netrc overrule a mere header."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        try:
            request.headers["Authorization"] = f"Bearer {Path(self._path).read_text(encoding='utf-8').strip()}"
        except (OSError, UnicodeDecodeError) as problem:
            raise SourceUnavailable(f"the bearer file: {problem}", Fault.REFUSED) from problem
        return request


class Connection(PrometheusConnect):  # type: ignore[misc]  # the client has no types
    """The client's session, asked in a way that scales."""

    def __init__(self, url: str, *, access: Access = Access(), flavour: Flavour = Flavour.PROMETHEUS) -> None:
        headers = {"X-Scope-OrgID": access.org_id} if access.org_id else {}
        auth: AuthBase | None = None
        if access.bearer_file:
            auth = _Bearer(access.bearer_file)
        elif access.username:
            auth = HTTPBasicAuth(access.username, access.password)
        super().__init__(
            url=url.rstrip("/"),
            headers=headers,
            auth=auth,
            retry=Retry(total=0),
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            method="POST",
        )
        self.flavour = flavour
        # Given with each request: REQUESTS_CA_BUNDLE would overrule what the session says.
        self._tls: dict[str, Any] = {"verify": access.ca_file} if access.ca_file else {}
        if access.certificate_file:
            ours = (access.certificate_file, access.key_file) if access.key_file else access.certificate_file
            self._tls["cert"] = ours

    @property
    def shown(self) -> str:
        return without_credentials(self.url)

    def instant(self, query: str, *, at: datetime) -> dict[str, Any]:
        """The whole envelope of an instant query: data, warnings and all."""
        return self.envelope(*self.answer(query, at=at))

    def answer(self, query: str, *, at: datetime) -> tuple[int, bytes]:
        """Status and body of an instant query, as they come."""
        form = {"query": query, "time": f"{at.timestamp():.3f}", "timeout": f"{SERVER_SECONDS}s"}
        return self._asked("query", {**form, **PARAMETERS[self.flavour]}, seconds=READ_SECONDS)

    def range(self, query: str, *, start: datetime, end: datetime, step_seconds: float) -> dict[str, Any]:
        """The whole envelope of a range query; both ends are included."""
        form = {
            "query": query,
            "start": f"{start.timestamp():.3f}",
            "end": f"{end.timestamp():.3f}",
            "step": f"{step_seconds:g}",
            "timeout": f"{RANGE_SECONDS - 10:g}s",
        }
        return self.envelope(*self._asked("query_range", {**form, **PARAMETERS[self.flavour]}, seconds=RANGE_SECONDS))

    def envelope(self, status: int, body: bytes) -> dict[str, Any]:
        """What a body says; raises SourceUnavailable with whose fault it is where it is no success."""
        fault = FAULTS.get(status, Fault.BROKEN)
        try:
            envelope = orjson.loads(body)
        except orjson.JSONDecodeError as problem:
            said = f" and {SAID[fault]}" if fault in SAID else ""
            raise SourceUnavailable(
                f"{self.shown} answered {status} and no JSON{said}, expected a query result", fault
            ) from problem
        if not isinstance(envelope, dict) or envelope.get("status") != "success":
            told = envelope.get("error") if isinstance(envelope, dict) else None
            said = f" ({SAID[fault]})" if fault in SAID else ""
            raise SourceUnavailable(f"{self.shown} answered {status}{said}: {told or 'no reason given'}", fault)
        return envelope

    def detect(self) -> Flavour:
        """Who answers, by pages that only one of them has; Prometheus where none gives itself away."""
        for path, flavour in TELLTALES:
            if self._get(path) is not None:
                return flavour
        told = self._get("/api/v1/status/buildinfo") or {}
        return Flavour.MIMIR if "mimir" in str(told.get("data", "")).lower() else Flavour.PROMETHEUS

    def _get(self, path: str) -> dict[str, Any] | None:
        """The object that a page holds; None where there is no such page."""
        try:
            answer = self._session.get(
                self.url + path,
                headers=self.headers,
                auth=self.auth,
                timeout=self._timeout,
                allow_redirects=False,
                **self._tls,
            )
            found = orjson.loads(answer.content) if answer.status_code == 200 else None
        except (requests.RequestException, orjson.JSONDecodeError):
            return None
        return found if isinstance(found, dict) else None

    def _asked(self, what: str, form: Mapping[str, str], *, seconds: float) -> tuple[int, bytes]:
        seconds = seconds_left(seconds)
        try:
            answer = self._session.post(
                f"{self.url}/api/v1/{what}",
                data=form,
                headers=self.headers,
                auth=self.auth,
                timeout=(min(CONNECT_SECONDS, seconds), seconds),
                allow_redirects=False,
                **self._tls,
            )
        except requests.RequestException as problem:
            raise SourceUnavailable(f"{self.shown}: {type(problem).__name__}", Fault.UNREACHABLE) from problem
        except OSError as problem:  # a certificate file that is not there
            raise SourceUnavailable(f"{self.shown}: {problem}", Fault.REFUSED) from problem
        return answer.status_code, answer.content
