"""Runbooks: Markdown with front matter and steps, one for each leaf, failure mode and kind of objective.

format.py      text to Runbook: sections, steps (manual, diagnostic, action), validated whole
shelf.py       which one is taken for a leaf, and how long nobody worked by it
diagnostics.py what a diagnostic's answer is worth
rendering.py   Markdown to safe HTML
library/       the runbooks that ship; the slug is the leaf's name
checks.py      system check: every leaf of the tree has a runbook (shell)
models.py      own versions, runs of checks, steps ticked off, last use
queries.py     the runbooks that count; services/ writes them, runs their checks, keeps what people did by them (shell)
"""
