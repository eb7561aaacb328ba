"""Response: the incident itself.

lifecycle.py, timeline.py, times.py, severity.py (pure) say what may happen, how it reads and how long it took;
models.py Incident, IncidentCounter, TimelineEntry; services.py every change of an incident; queries.py; views.py.
"""
