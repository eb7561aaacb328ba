"""Pagers, one file a vendor: base.py the errors and answers, webhook.py the generic signed webhook."""
