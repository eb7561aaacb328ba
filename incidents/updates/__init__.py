"""Updates: what stakeholders are told while an incident lasts, and who is reminded when the next one is due.

cadence.py (pure) says how often; models.py StatusUpdate, UpdateReminder; services.py posts, plans and reminds; queries.py; api.py.
Below response: opening, resolving and a change of severity plan the next reminder.
"""
