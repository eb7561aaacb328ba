"""Incidents: from a Finding to a page that a person answers, and to what was learned.

    oncall      who is on call (Schedule and its versions) and who is told (EscalationPolicy); watch/ looks ahead
    response    Incident and its timeline: lifecycle, severities, times (R26)
    paging      the outbox: Page, Delivery, EscalationStep, AckLink; one file a pager in pagers/
    learning    postmortems drafted from timeline and figures
    runbooks    Markdown runbooks, one a leaf
    diagnosis   the first-response decision tree and its evidence
    updates     what stakeholders are told, and the reminder of the next update
    command     roles, people, links, snooze, merge and split
    statuspages what the world outside may read
    actions     guarded first response: offers, approvals, executors, verification
    ingest      what others post: stored, folded into Alerts by time, then answered; integrations and their keys
    silences, maintenance, routing   what is quiet for a while, and what an alert becomes by its labels
    alerts      Findings and reports become Alerts, alerts become incidents: the only noun that calls all others

Module order, lowest first: models of all nouns; services of oncall, paging, learning; services of updates; services of
response; services of diagnosis, of oncall.watch, of command; services of actions; services of alerts. What an acknowledgement stops
is therefore written by `response.services` calling `paging.services`, never the other way; the acknowledge link's view (an edge)
calls response.
"""
