"""On call over REST: schedules.py, policies.py."""
