"""Learning: a postmortem drafted from the timeline and the figures.

postmortem.py (pure) writes the Markdown; services.py gathers the figures and keeps the draft.
"""
