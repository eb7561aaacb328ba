"""Personal rules: which of a person's pagers rings after how long, by severity, and when it may not.

plan.py (pure) turns rules and quiet hours into instants; models.py keeps them; services.py sets them.
"""
