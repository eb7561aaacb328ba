"""Pagers, one file a vendor, each with one `send(letter, transport) -> Outcome`.

    base        the letter, and how a request leaves and an answer reads
    outbox      from due rows to recorded answers
    webhook     the generic webhook, signed, with a template of your own where you give one; the demo pager is one too
    pagerduty   Events API v2: trigger, acknowledge, resolve
    slack       incoming webhook with buttons
    teams       Adaptive Card through a workflow
    email       SMTP
    ntfy        push, with a button that acknowledges
    twilio      texts and calls, with a second provider behind the first
    apprise     the long tail, by the library of that name

A vendor is imported when its first page leaves: the long tail alone takes 0.3 s.
"""
