"""SetupError: a reason not to start, said in one clear sentence to the person at the terminal."""

from __future__ import annotations


class SetupError(Exception):
    """The platform cannot start here; the message is one sentence that says what to do."""
