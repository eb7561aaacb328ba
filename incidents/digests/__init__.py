"""Who gets the week in a message: opt-in, person by person. What it says is dashboards/digest's; it leaves as a notice does.

when.py      Monday at eight where the person lives (pure)
models.py    WeeklyDigest: a person's wish, and when the next one is due
queries.py   digest_of, and whether any is due
services.py  ask for it, have no more of it, write those that are due
"""
