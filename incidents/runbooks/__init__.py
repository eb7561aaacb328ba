"""Runbooks: Markdown with front matter and steps, one for each leaf that people meet most.

format.py    text to Runbook: sections, steps (manual, diagnostic, action), validated whole
rendering.py Markdown to safe HTML
library/     the runbooks that ship; the slug is the leaf's name
checks.py    system check: every leaf of the tree has a runbook (shell)
services.py  for_leaf, run_diagnostics (shell)
"""
