"""Personal rules: which of a person's pagers rings after how long, by severity, and when it may not.

plan.py (pure) turns rules and quiet hours into instants; models.py keeps them; services.py sets
them; form.py (pure) is the page's form, rings.py (pure) says in words what they do.
"""
