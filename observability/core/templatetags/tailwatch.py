"""`{% load tailwatch %}`: numbers and times in words, states with their shape, bars that need no inline style."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from django import template
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from observability.core import clock, words

register = template.Library()
register.filter("duration", words.duration)
register.filter("seconds", words.seconds)
register.filter("percent", words.percent)
register.filter("left", words.left)
register.filter("target", words.target)
register.filter("count", words.count)
register.filter("usd", words.usd)

SHAPES = ("ok", "warn", "burn", "nodata", "maint", "muted")


@register.simple_tag(takes_context=True)
def when(context: template.Context, at: datetime | None, style: str = "ago") -> str | SafeString:
    """A time said twice: relative for reading, absolute with its zone on hover and in copies. Styles: ago, span."""
    if at is None:
        return words.NOTHING
    now = context.get("now") or clock.now()
    text = words.ago(at=at, now=now) if style == "ago" else words.duration((now - at).total_seconds())
    return format_html(
        '<time datetime="{}" title="{}" data-relative="{}">{}</time>', at.isoformat(), absolute(at), style, text
    )


@register.simple_tag
def instant(at: datetime | None) -> str | SafeString:
    """A time said absolutely in the reader's zone, for tables and copies."""
    return words.NOTHING if at is None else format_html('<time datetime="{}">{}</time>', at.isoformat(), absolute(at))


@register.simple_tag
def minute(at: datetime | None) -> str | SafeString:
    """The same to the minute, for shifts and windows, whose seconds say nothing: 'Mon 23 Nov 2026 09:00 UTC'."""
    if at is None:
        return words.NOTHING
    local = timezone.localtime(at)
    text = f"{local:%a} {local.day} {local:%b %Y %H:%M} {local.tzname() or ''}".strip()
    return format_html('<time datetime="{}">{}</time>', at.isoformat(), text)


@register.filter
def called(username: str, names: Mapping[str, str]) -> str:
    """The name that people read; who is not here any more keeps the username."""
    return names.get(username, username)


@register.simple_tag
def clock_time(at: datetime | None) -> str | SafeString:
    """The hour and minute in the reader's zone; the whole instant on hover."""
    if at is None:
        return words.NOTHING
    local = timezone.localtime(at)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        at.isoformat(),
        absolute(at),
        f"{local:%H:%M} {local.tzname() or ''}".strip(),
    )


def absolute(at: datetime) -> str:
    """'22 Nov 2026 13:40:05 UTC' in the reader's zone."""
    local = timezone.localtime(at)
    return f"{local.day} {local:%b %Y %H:%M:%S} {local.tzname() or ''}".strip()


@register.simple_tag
def state(kind: str, word: str) -> SafeString:
    """A state by shape and word, then colour."""
    return format_html('<span class="state {}">{}</span>', kind if kind in SHAPES else "muted", word)


@register.simple_tag
def budget(remaining: float | Decimal | None, kind: str = "ok") -> SafeString:
    """A budget bar and its number. `remaining` is the ratio left, below 0 when overspent."""
    if remaining is None:
        return format_html('<span class="state nodata">{}</span>', "no data")
    ratio = float(remaining)
    width = round(90 * min(1.0, max(0.0, ratio)), 1)
    return format_html(
        '<span class="with-bar"><svg class="budget {}" viewBox="0 0 90 6" width="90" height="6" role="img" aria-label="budget left: {}">'
        '<rect class="track" width="90" height="6" rx="3"/><rect class="left" width="{}" height="6" rx="3"/></svg>{}</span>',
        kind,
        words.left(ratio),
        width,
        words.left(ratio),
    )


@register.simple_tag
def split(shares: Any) -> SafeString:
    """The time of a request as one bar: `shares` has mean shares (0..1) of queue, prefill and decode; None is no data."""
    if shares is None:
        return format_html('<span class="muted">{}</span>', words.NOTHING)
    queue, prefill, decode = shares.queue, shares.prefill, shares.decode
    said = f"mean share: queue {words.percent(queue, 0)}, prefill {words.percent(prefill, 0)}, decode {words.percent(decode, 0)}"
    start, widths = 0.0, (queue * 120, prefill * 120, decode * 120)
    bars = []
    for kind, width in zip("qpd", widths, strict=True):
        bars.append((kind, round(start, 1), round(width, 1)))
        start += width
    return format_html(
        '<svg class="split" viewBox="0 0 120 10" width="120" height="10" role="img" aria-label="{}"><title>{}</title>'
        '<rect class="track" width="120" height="10" rx="2"/>{}</svg>',
        said,
        said,
        format_html_join("", '<rect class="{}" x="{}" width="{}" height="10"/>', bars),
    )


@register.filter
def site(url: str) -> str:
    """'https://hooks.example/a/secret' -> 'https://hooks.example/…': where messages go, without what may be its key."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/…" if parts.netloc else url


@register.filter
def quantity(evidence: dict[str, Any]) -> str:
    """The value of one piece of evidence with its unit."""
    return words.quantity(value=evidence.get("value"), unit=str(evidence.get("unit") or ""))


@register.filter
def asked(threshold: str) -> str:
    """A threshold without the unit that its sentence says already: '> 0 count' -> '> 0'."""
    return str(threshold or "").removesuffix(" count").removesuffix(" cosine")


@register.filter
def state_kind(severity: int) -> str:
    """SEV 1 and 2 burn, 3 warns, 4 and 5 are quiet."""
    return "burn" if severity <= 2 else "warn" if severity == 3 else "muted"


@register.filter
def sentence(text: str) -> str:
    """First letter up, a full stop at the end."""
    text = str(text or "").strip()
    return text and text[0].upper() + text[1:] + ("" if text[-1] in ".!?:" else ".")


@register.filter
def stopped(text: str) -> str:
    """A full stop at the end, the first letter as it is: names of services stay small."""
    text = str(text or "").strip()
    return text and text + ("" if text[-1] in ".!?:" else ".")
