"""What comes from elsewhere: ical.py calendars; grafana.py, opsgenie.py, pagerduty.py the exports of other on-call systems."""
