"""Paging: messages to people, from the row that decides one to the recorded answer.

escalation.py, retry.py, message.py, signature.py (pure) decide whom, when, what and how it is signed; models.py the
outbox (Page), its tries (Delivery), EscalationStep, AckLink, PagerEndpoint, DemoMessage; services.py writes, sends,
escalates, audits; pagers/ one file a vendor; views.py the acknowledge link and the demo pager's inbox.
"""
