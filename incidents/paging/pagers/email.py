"""E-mail by SMTP: TAILWATCH_SMTP_URL names the server, TAILWATCH_MAIL_FROM the sender.

Message-ID is made of the page's key, so that a second copy is the same message to who folds by it; References is the
incident's, so that a mail program shows one thread an incident.
"""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

from django.conf import settings

from incidents.paging.message import Message, text
from incidents.paging.pagers import base
from incidents.paging.retry import Outcome


def send(letter: base.Letter, *, transport: base.Transport) -> Outcome:
    if not settings.TAILWATCH_SMTP_URL:
        missing = "no mail server is set up: TAILWATCH_SMTP_URL=smtp://user:password@host:587"
        return Outcome(status_code=None, error=missing, permanent=True, arrived=False)
    mail = written(letter.message, to=letter.address, sender=settings.TAILWATCH_MAIL_FROM, key=letter.key, at=letter.at)
    handed_over = False
    try:
        server = _connected(settings.TAILWATCH_SMTP_URL)
        try:
            handed_over = True
            server.send_message(mail)
        finally:
            with suppress(smtplib.SMTPException, OSError):  # it has the mail, or it has said why not
                server.quit()
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()))
        return _refused(code, said)
    except smtplib.SMTPResponseException as error:
        return _refused(error.smtp_code, error.smtp_error)
    except (smtplib.SMTPException, OSError) as error:
        sentence = f"the mail server did not answer: {error or type(error).__name__}"
        return Outcome(status_code=None, error=sentence, permanent=False, arrived=None if handed_over else False)
    return Outcome(status_code=250, error="", permanent=False, arrived=True)


def written(message: Message, *, to: str, sender: str, key: str, at: int) -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"] = text(message)[:200].replace("\n", " ").replace("\r", " ")
    mail["From"], mail["To"] = sender, to
    host = urlsplit(message.incident_url).hostname or "tailwatch"
    mail["Message-ID"] = f"<{key}@{host}>"
    mail["References"] = f"<{message.dedup_key}@{host}>"
    mail["Date"] = format_datetime(datetime.fromtimestamp(at, UTC))
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Priority"] = "1" if message.severity <= 2 and message.kind != "resolved" else "3"
    lines = [message.headline or message.title, ""]
    lines += ["This is a copy: it may have reached you before.", ""] if message.repeated else []
    lines += [f"Acknowledge: {message.acknowledge_url}"] if message.acknowledge_url else []
    lines += [f"Incident:    {message.incident_url}"]
    lines += [f"Runbook:     {message.runbook_url}"] if message.runbook_url else []
    lines += ["", f"To {message.recipient}, because: {message.reason}."]
    lines += ["A simulated fleet: no user is affected."] if message.simulated else []
    mail.set_content("\n".join(lines) + "\n")
    return mail


def _connected(url: str) -> smtplib.SMTP:
    parts = urlsplit(url)
    host, secure = parts.hostname or "localhost", parts.scheme == "smtps"
    context = ssl.create_default_context()
    if secure:
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, parts.port or 465, timeout=base.TIMEOUT_SECONDS, context=context)
    else:
        server = smtplib.SMTP(host, parts.port or 587, timeout=base.TIMEOUT_SECONDS)
    try:
        server.ehlo()
        if not secure and server.has_extn("starttls"):
            server.starttls(context=context)
            server.ehlo()
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
    except (smtplib.SMTPException, OSError):
        server.close()
        raise
    return server


def _refused(code: int, said: bytes | str) -> Outcome:
    """SMTP's 4xx pass, its 5xx do not (RFC 5321 4.2.1): the other way round than HTTP, so no HTTP status is given."""
    words = said.decode("utf-8", errors="replace") if isinstance(said, bytes) else said
    return Outcome(
        status_code=None, error=f"the mail server answered {code} {words}"[:300], permanent=code >= 500, arrived=False
    )
