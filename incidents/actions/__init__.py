"""Guarded first response (REQUIREMENTS R21). Version 1 advises; nothing here acts.

guards.py   for a leaf and the situation: which first action is allowed, and why (pure)
"""
