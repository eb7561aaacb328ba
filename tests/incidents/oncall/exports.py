"""Exports of other systems, in the shapes of their public APIs."""

from __future__ import annotations

from typing import Any

GRAFANA: dict[str, Any] = {
    "users": {
        "count": 3,
        "results": [
            {"id": "U1", "email": "ana@example.org", "username": "Ana", "role": "admin"},
            {"id": "U2", "email": "ben@example.org", "username": "ben", "role": "user"},
            {"id": "U3", "email": "cleo@example.org", "username": "cleo", "role": "user"},
        ],
    },
    "on_call_shifts": {
        "results": [
            {
                "id": "S1", "name": "weekly", "type": "rolling_users", "level": 0, "start": "2026-01-05T09:00:00",
                "rotation_start": "2026-01-05T09:00:00", "duration": 604800, "frequency": "weekly", "interval": 1,
                "time_zone": "Europe/Paris", "rolling_users": [["U1"], ["U2"]], "start_rotation_from_user_index": 1,
                "by_day": None, "until": None,
            },
            {
                "id": "S2", "name": "office", "type": "rolling_users", "level": 1, "start": "2026-01-05T09:00:00",
                "duration": 28800, "frequency": "daily", "interval": 1, "time_zone": "Europe/Paris",
                "rolling_users": [["U3"]], "by_day": ["MO", "TU", "WE", "TH", "FR"],
            },
            {
                "id": "S3", "name": "release night", "type": "single_event", "level": 2,
                "start": "2026-11-20T20:00:00", "duration": 7200, "users": ["U2"], "time_zone": "Europe/Paris",
            },
        ]
    },
    "schedules": {
        "results": [
            {
                "id": "C1", "name": "Primary", "type": "calendar", "time_zone": "Europe/Paris",
                "shifts": ["S1", "S2", "S3", "S9"], "ical_url_overrides": "https://calendar.example/x.ics",
            },
        ]
    },
    "escalation_chains": {"results": [{"id": "F1", "name": "default", "team_id": None}]},
    "escalation_policies": {
        "results": [
            {"id": "E1", "escalation_chain_id": "F1", "position": 0, "type": "notify_on_call_from_schedule",
             "notify_on_call_from_schedule": "C1"},
            {"id": "E2", "escalation_chain_id": "F1", "position": 1, "type": "wait", "duration": 900},
            {"id": "E3", "escalation_chain_id": "F1", "position": 2, "type": "notify_person_next_each_time",
             "persons_to_notify_next_each_time": ["U1", "U2"]},
            {"id": "E4", "escalation_chain_id": "F1", "position": 3, "type": "trigger_webhook", "action_to_trigger": "W1"},
            {"id": "E5", "escalation_chain_id": "F1", "position": 4, "type": "repeat_escalation"},
        ]
    },
}  # fmt: skip

OPSGENIE: dict[str, Any] = {
    "users": {
        "data": [
            {"id": "a1", "username": "ana@example.org", "fullName": "Ana M", "role": {"name": "Admin"}},
            {"id": "b2", "username": "ben@example.org", "fullName": "Ben K", "role": {"name": "User"}},
        ]
    },
    "schedules": {
        "data": [
            {
                "id": "s1", "name": "Serving", "timezone": "America/Chicago", "enabled": True,
                "rotations": [
                    {
                        "id": "r1", "name": "week", "startDate": "2026-01-05T15:00:00Z", "endDate": None,
                        "type": "weekly", "length": 1,
                        "participants": [{"type": "user", "id": "a1", "username": "ana@example.org"}, {"type": "none"}],
                    },
                    {
                        "id": "r2", "name": "weekend", "startDate": "2026-01-05T06:00:00Z", "type": "daily", "length": 1,
                        "participants": [{"type": "user", "username": "ben@example.org"}],
                        "timeRestriction": {
                            "type": "weekday-and-time-of-day",
                            "restrictions": [{"startDay": "friday", "startHour": 17, "startMin": 0,
                                              "endDay": "monday", "endHour": 9, "endMin": 0}],
                        },
                    },
                ],
            }
        ]
    },
    "escalations": {
        "data": [
            {
                "id": "e1", "name": "Serving_escalation",
                "rules": [
                    {"condition": "if-not-acked", "notifyType": "default",
                     "delay": {"timeAmount": 0, "timeUnit": "minutes"}, "recipient": {"type": "schedule", "id": "s1"}},
                    {"condition": "if-not-acked", "notifyType": "next",
                     "delay": {"timeAmount": 10, "timeUnit": "minutes"}, "recipient": {"type": "user", "id": "b2"}},
                    {"condition": "if-not-closed", "notifyType": "all",
                     "delay": {"timeAmount": 20, "timeUnit": "minutes"}, "recipient": {"type": "team", "id": "t1"}},
                ],
                "repeat": {"count": 2, "waitInterval": 10},
            }
        ]
    },
}  # fmt: skip

PAGERDUTY: dict[str, Any] = {
    "users": [
        {"id": "PA", "type": "user", "name": "Ana M", "email": "ana@example.org", "time_zone": "Europe/Paris"},
        {"id": "PB", "type": "user", "name": "Ben K", "email": "ben@example.org"},
    ],
    "schedules": [
        {
            "id": "PS", "name": "Primary", "time_zone": "Europe/Paris",
            "schedule_layers": [
                {
                    "id": "L2", "name": "nights", "start": "2026-01-05T00:00:00+01:00",
                    "rotation_virtual_start": "2026-01-05T22:00:00+01:00", "rotation_turn_length_seconds": 86400,
                    "users": [{"user": {"id": "PB"}}],
                    "restrictions": [
                        {"type": "daily_restriction", "start_time_of_day": "22:00:00", "duration_seconds": 28800}
                    ],
                },
                {
                    "id": "L1", "name": "weekly", "start": "2026-01-05T09:00:00+01:00",
                    "rotation_virtual_start": "2026-01-05T09:00:00+01:00", "rotation_turn_length_seconds": 604800,
                    "users": [{"user": {"id": "PA"}}, {"user": {"id": "PB"}}], "restrictions": [],
                },
                {
                    "id": "L0", "name": "odd", "start": "2026-01-05T09:00:00+01:00",
                    "rotation_turn_length_seconds": 1000, "users": [{"user": {"id": "PA"}}],
                },
            ],
            "overrides": [
                {"start": "2026-11-25T12:00:00+01:00", "end": "2026-11-25T14:00:00+01:00", "user": {"id": "PA"}}
            ],
        }
    ],
    "escalation_policies": [
        {
            "id": "PE", "name": "Default", "num_loops": 2,
            "escalation_rules": [
                {"escalation_delay_in_minutes": 15, "targets": [{"id": "PS", "type": "schedule_reference"}]},
                {
                    "escalation_delay_in_minutes": 30,
                    "targets": [{"id": "PA", "type": "user_reference"}, {"id": "PB", "type": "user_reference"}],
                    "escalation_rule_assignment_strategy": {"type": "round_robin"},
                },
            ],
        }
    ],
}  # fmt: skip
