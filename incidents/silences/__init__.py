"""Silences: what people keep quiet for a while, and the notices before they end. The rules are alerts/silences.py."""
