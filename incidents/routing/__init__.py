"""Routes: each version of an organisation's routing document is kept; the newest counts. The tree is alerts/routing.py."""
