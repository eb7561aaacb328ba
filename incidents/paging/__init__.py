"""Paging: messages to people, from the row that decides one to the recorded answer.

escalation.py, retry.py, message.py, signature.py (pure) decide whom, when, what and how it is signed; models.py the
outbox (Page), its tries (Delivery), EscalationStep, Acknowledgement, AckLink, PagerEndpoint, DemoMessage; services/ writes,
sends, escalates, audits; rules/ which of a person's pagers rings when; pagers/ one file a vendor; views.py the acknowledge
link and the demo pager's inbox.
"""
