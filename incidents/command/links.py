"""Which addresses an incident links to: a chat room and a call."""

from __future__ import annotations

from urllib.parse import urlsplit

LONGEST = 500


class LinkRefused(ValueError):
    """The address is not taken; the message says what is expected."""


def checked(address: str) -> str:
    """The address as given where it is https with a host and without a password; "" stays "".

    >>> checked(" https://meet.example.com/inc-4 ")
    'https://meet.example.com/inc-4'
    """
    address = address.strip()
    if not address:
        return ""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise LinkRefused(f"This is no address: {error}.") from error
    if parts.scheme != "https" or not host or port == 0:
        raise LinkRefused(
            "An address here begins with https:// and names a host, such as https://meet.example.com/room."
        )
    if parts.username or parts.password:
        raise LinkRefused("Leave the name and the password out of the address: everyone who sees the incident sees it.")
    if len(address) > LONGEST or any(char.isspace() or not char.isprintable() for char in address):
        raise LinkRefused(f"An address has up to {LONGEST} characters and no spaces.")
    return address
