"""One GET whose answer costs no more than its time and its size, whatever the server does. Every failure has a reason.

connect     nobody listens, no such name, the connection breaks before an answer
tls         the certificate or the handshake
redirect    3xx: not followed, a token must not be carried elsewhere
status      any other status than 200
timeout     no complete answer in time, one byte a second included
truncated   less than was promised, or a text that ends within a line
too_large   more than the limit, before or after it is unpacked: a small body may unpack to a thousand times its size
encoding    compressed other than by gzip, or not what it says
"""

from __future__ import annotations

import ssl
import time
import zlib
from collections.abc import Iterator, Mapping

import httpx

from probes.agent import ScrapeFailed

#: A page of 50 KB takes 10 ms to parse the first time; one of 16 MiB some seconds, and no known exporter comes near.
LIMIT_BYTES = 16 * 1024 * 1024


def get(
    client: httpx.Client, url: str, *, accept: str, seconds: float, headers: Mapping[str, str] | None = None
) -> bytes:
    begun, answered = time.perf_counter(), False
    wanted = {"accept": accept, "accept-encoding": "gzip", **(headers or {})}
    try:
        with client.stream("GET", url, headers=wanted, timeout=seconds, follow_redirects=False) as answer:
            if answer.is_redirect:
                raise ScrapeFailed("redirect", f"HTTP status {answer.status_code}, not followed")
            if answer.status_code != 200:
                raise ScrapeFailed("status", f"HTTP status {answer.status_code}")
            if int(answer.headers.get("content-length") or 0) > LIMIT_BYTES:
                raise ScrapeFailed("too_large", f"more than {LIMIT_BYTES} bytes")
            body, answered = bytearray(), True
            for chunk in _unpacked(answer, seconds=seconds, begun=begun):
                body += chunk
                if len(body) > LIMIT_BYTES:
                    raise ScrapeFailed("too_large", f"more than {LIMIT_BYTES} bytes")
            return bytes(body)
    except httpx.TimeoutException:
        raise ScrapeFailed("timeout", f"no complete answer within {seconds:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as problem:
        reason = "tls" if _tls(problem) else "truncated" if answered else "connect"
        raise ScrapeFailed(reason, str(problem) or type(problem).__name__) from None


def _unpacked(answer: httpx.Response, *, seconds: float, begun: float) -> Iterator[bytes]:
    """httpx limits each read, not the whole, and unpacks a chunk whole: both are bounded here."""
    encoding = answer.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "", "gzip", "x-gzip"):
        raise ScrapeFailed("encoding", f"content encoding {encoding!r}, expected gzip or none")
    gzip = zlib.decompressobj(16 + zlib.MAX_WBITS) if "gzip" in encoding else None
    try:
        for chunk in answer.iter_raw():
            yield chunk if gzip is None else gzip.decompress(chunk, LIMIT_BYTES + 1)
            if gzip is not None and gzip.unconsumed_tail:
                raise ScrapeFailed("too_large", f"unpacks to more than {LIMIT_BYTES} bytes")
            if time.perf_counter() - begun > seconds:
                raise ScrapeFailed("timeout", f"no complete answer within {seconds:g} s")
    except zlib.error as problem:
        raise ScrapeFailed("encoding", f"no gzip: {problem}") from None
    if gzip is not None and not gzip.eof:
        raise ScrapeFailed("truncated", "the gzip ends before its end")


def _tls(problem: BaseException | None) -> bool:
    for _ in range(8):
        if problem is None:
            return False
        if isinstance(problem, ssl.SSLError) or "[SSL" in str(problem):
            return True
        problem = problem.__cause__ or problem.__context__
    return False
