"""Pager endpoints, carriers and the Slack app: added, verified, tested, switched off; each from a page, the API or a command."""
