"""Texts and calls by Twilio's REST API, with a second account behind the first.

https://www.twilio.com/docs/messaging/api/message-resource and https://www.twilio.com/docs/voice/api/call-resource: a form
POST with basic auth; 201 is accepted, and what became of it comes later to StatusCallback. Anything that speaks the same
interface is an account here: the address is a setting. A call reads its TwiML from our own address, which is only told to it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from incidents.paging.message import text
from incidents.paging.pagers import base
from incidents.paging.phone import answer
from incidents.paging.retry import Outcome

LONGEST_TEXT = 480  # three segments: longer ones come in pieces, in any order


def send(letter: base.Letter, *, transport: base.Transport) -> Outcome:
    """By the first account that takes it. One that nobody answers for may have taken it: the next try begins with the other."""
    if not letter.accounts:
        missing = "no carrier account is set up: texts and calls need one (Pagers, carriers)"
        return Outcome(status_code=None, error=missing, permanent=True, arrived=False)
    first = (letter.attempt - 1) % len(letter.accounts)
    main, *others = *letter.accounts[first:], *letter.accounts[:first]
    outcome = _by(main, letter, transport)
    for account in others:
        if outcome.accepted or outcome.arrived is None:
            break
        tried = _by(account, letter, transport)
        outcome = tried if tried.accepted else _both(outcome, tried)
    return outcome


def _by(account: base.Account, letter: base.Letter, transport: base.Transport) -> Outcome:
    resource = "Calls" if letter.kind == "voice" else "Messages"
    url = f"{account.url.rstrip('/')}/2010-04-01/Accounts/{quote(account.account, safe='')}/{resource}.json"
    token = base64.b64encode(f"{account.account}:{account.secret}".encode()).decode()
    headers = {
        "Authorization": f"Basic {token}",
        "Content-Type": "application/x-www-form-urlencoded",
        "User-Agent": "Tailwatch",
        "I-Twilio-Idempotency-Token": f"{letter.key}-{letter.attempt}",
    }
    outcome = base.post(transport=transport, url=url, body=urlencode(_form(account, letter)).encode(), headers=headers)
    return Outcome(
        status_code=outcome.status_code,
        error=f"{account.name}: {outcome.error}" if outcome.error else "",
        permanent=outcome.permanent,
        arrived=outcome.arrived,
        hung=outcome.hung,
        retry_after_seconds=outcome.retry_after_seconds,
        answer=_sid(outcome.answer),
    )


def _form(account: base.Account, letter: base.Letter) -> Mapping[str, str]:
    message = letter.message
    form = {"To": letter.address, "From": account.sender}
    if letter.answer_url:
        form |= {"StatusCallback": letter.answer_url}
    if letter.kind == "voice":
        # Without a question there is nothing to answer: what is said goes along.
        said = {"Url": message.acknowledge_url} if message.acknowledge_url else {"Twiml": answer(text(message))}
        return form | said | {"Method": "POST", "Timeout": "30"}
    copy = " (a copy)" if message.repeated else ""
    link = message.acknowledge_url or message.incident_url
    return form | {"Body": f"{text(message)[: LONGEST_TEXT - len(link) - len(copy) - 1]}{copy} {link}"}


def _both(first: Outcome, second: Outcome) -> Outcome:
    return Outcome(
        status_code=second.status_code,
        error=f"{first.error}; {second.error}",
        permanent=first.permanent and second.permanent,
        arrived=second.arrived,
        retry_after_seconds=second.retry_after_seconds,
    )


def _sid(answer: str) -> str:
    try:
        return str(json.loads(answer).get("sid", ""))[:64] if answer else ""
    except (json.JSONDecodeError, AttributeError):
        return ""
