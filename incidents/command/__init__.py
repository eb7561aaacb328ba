"""Command: how people work an incident together (REQUIREMENTS R22).

roles.py, links.py (pure) and checklists.yaml say which roles there are, what each sees to, which addresses are taken;
models.py Duty; services/ roles, people, links, pause (snooze), joining (merge and split); queries.py, forms.py, views.py, api.py.
The commander stands on the incident itself; everyone else has a row here.
"""
