"""Escalation policies as people edit them.

draft.py (pure) is the form as it stands, steps moved about and half filled in; course.py (pure) says who would be told
when; course_svg.py (pure) draws it. The rows and what they mean belong to incidents/oncall and incidents/paging.
"""
