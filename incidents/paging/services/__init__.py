"""Decide whom to tell, send what is due, escalate what nobody answered, look for what was forgotten.

escalate.py takes steps, answers.py counts acknowledgements, pages.py writes and sends, auditor.py looks for what was
forgotten, links.py has what answers.
"""

from __future__ import annotations

from incidents.paging.services.answers import answered, still_needed
from incidents.paging.services.auditor import AuditReport, audit_pages, report_health
from incidents.paging.services.escalate import advance, begin, escalate_due, raised
from incidents.paging.services.links import (
    LinkVerdict,
    add_demo_pager,
    add_drill_inbox,
    add_endpoint,
    find_link,
    receive_demo_message,
)
from incidents.paging.services.pages import acknowledged, cancel, dedup_key, deliver_due, resolved, write_pages

__all__ = [
    "AuditReport",
    "LinkVerdict",
    "acknowledged",
    "add_demo_pager",
    "add_drill_inbox",
    "add_endpoint",
    "advance",
    "answered",
    "audit_pages",
    "begin",
    "cancel",
    "dedup_key",
    "deliver_due",
    "escalate_due",
    "find_link",
    "raised",
    "receive_demo_message",
    "report_health",
    "resolved",
    "still_needed",
    "write_pages",
]
