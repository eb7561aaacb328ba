"""Live rows without flicker: a fragment's ETag is the hash of what it says, the running clocks left out."""

from __future__ import annotations

import hashlib
import re

from django.http import HttpRequest, HttpResponse

# Relative times move every second and the browser keeps them moving; the CSRF token is masked anew in each rendering.
MOVING = re.compile(r'(<time [^>]*data-relative[^>]*>)[^<]*(</time>)|(name="csrfmiddlewaretoken" value=)"[^"]*"')


def of(text: str) -> str:
    """The weak ETag of a rendered fragment."""
    still = MOVING.sub(r"\1\2\3", text)
    return f'W/"{hashlib.blake2b(still.encode(), digest_size=12).hexdigest()}"'


def unless_same(request: HttpRequest, text: str) -> HttpResponse:
    """The fragment, or 304 without a body where the browser already shows it."""
    tag = of(text)
    same = tag in {part.strip() for part in request.headers.get("If-None-Match", "").split(",")}
    response = HttpResponse(status=304) if same else HttpResponse(text)
    response.headers["ETag"] = tag
    response.headers["Cache-Control"] = "private, no-cache"
    return response
