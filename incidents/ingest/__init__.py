"""Ingest: alerts from outside, stored and committed before the sender hears that they were taken.

payloads.py, mapping.py   (pure) what each sender's JSON says
folding.py                (pure) what a report changes about an alert: by time, not by arrival
signatures.py             (pure) Grafana's and PagerDuty's
models.py                 Integration (a key with an owner), Event (what came, as it came)
services.py               receive(): one transaction of four statements; integrations made, changed, ended
views/                    hooks (the edge), pages
"""
