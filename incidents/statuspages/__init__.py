"""Status pages: what the world outside may know, and nothing else.

history.py (pure) turns published updates into states and days; models.py StatusPage, StatusComponent; queries.py reads only
public updates; services.py; views.py shows the page to everyone where it is public; api.py.
"""
