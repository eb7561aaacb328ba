"""A request that is understood, allowed to its actor, and refused all the same: the message says why, to the person who asked."""

from __future__ import annotations


class Refused(Exception):
    """What was asked does not fit what is: pages show the message, the REST interface answers 409 with it."""
