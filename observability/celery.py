"""The Celery app and the whole beat table.

Celery carries no truth: beat says "do what is due", what is due is read from rows. So a message lost, doubled or late costs
time and nothing else, any number of beats is harmless, and results are ignored. `observability.virtual` plays the same table
without Celery.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "observability.settings")

FAST = "fast"  # collect, evaluate, incidents, pages: seconds matter
SLOW = "slow"  # upkeep, replays, forecasting, scikit-learn: niced, and never in a page's way


@dataclass(frozen=True, slots=True)
class Beat:
    """Every `every_seconds`, `<noun>.tasks.<verb>` on `queue`; it calls `<noun>.services.<verb>(now=...)`.

    With `asks` only where the question of its service holds (`observability.rounds`): one round trip answers for all of them.

    >>> Beat("incidents.paging", "deliver_due", 1, FAST).task
    'incidents.paging.tasks.deliver_due'
    """

    noun: str
    verb: str
    every_seconds: int
    queue: str
    asks: bool = True

    @property
    def task(self) -> str:
        return f"{self.noun}.tasks.{self.verb}"

    @property
    def service(self) -> str:
        return f"{self.noun}.services.{self.verb}"

    @property
    def options(self) -> dict[str, Any]:
        """A message that waited longer than its period is dropped: the next one says the same."""
        return {"queue": self.queue, "expires": max(self.every_seconds, 5)}


# In the order in which an increment becomes a page.
BEAT = (
    Beat("sloengine.collect", "collect_due", 1, FAST),
    Beat("sloengine.collect", "catch_up_due", 5, SLOW),
    Beat("sloengine.budgets", "evaluate_due", 1, FAST),
    Beat("sloengine.budgets.policies", "enforce_due", 300, SLOW, asks=False),
    Beat("sloengine.cost", "evaluate_costs", 30, FAST),
    Beat("sloengine.cost.ledger", "close_hours", 300, SLOW),
    Beat("sloengine.cost.anomaly", "judge_spend", 300, SLOW),
    Beat("sloengine.cost.contracts", "check_contracts", 60, SLOW),
    Beat("sloengine.cost.tenantbudgets", "check_budgets", 60, SLOW),
    Beat("sloengine.cost.focus", "write_days", 3600, SLOW, asks=False),
    Beat("incidents.ingest", "check_silence", 15, FAST),
    Beat("incidents.silences", "run_silences", 5, FAST),
    Beat("incidents.maintenance", "run_maintenance", 5, FAST),
    Beat("incidents.alerts", "pull_findings", 1, FAST),
    Beat("incidents.diagnosis", "diagnose_open", 15, FAST),
    Beat("incidents.actions", "propose_due", 15, FAST),
    Beat("incidents.actions", "run_due", 1, FAST),
    Beat("incidents.actions", "verify_due", 15, FAST),
    Beat("incidents.paging", "escalate_due", 1, FAST),
    Beat("incidents.paging", "deliver_due", 1, FAST),
    Beat("incidents.runbooks", "run_due", 5, FAST),
    Beat("incidents.drills", "drive_due", 5, FAST),
    Beat("incidents.paging", "audit_pages", 60, FAST, asks=False),
    Beat("incidents.response", "expire_answers", 15, FAST),
    Beat("incidents.oncall.watch", "watch_due", 30, FAST),
    Beat("dashboards.digest", "send_due", 60, SLOW),
    Beat("incidents.oncall.watch", "send_notices", 15, SLOW),
    Beat("incidents.oncall.watch", "read_calendars", 60, SLOW),
    Beat("incidents.paging", "report_health", 60, SLOW, asks=False),
    Beat("incidents.command", "wake_due", 5, FAST),
    Beat("incidents.updates", "remind_due", 15, FAST),
    Beat("incidents.diagnosis", "replay_due", 15, SLOW),
    Beat("incidents.replays", "keep_due", 60, SLOW),
    Beat("incidents.runbooks", "read_folder", 15, SLOW, asks=False),
    Beat("incidents.ingest", "prune_events", 3600, SLOW, asks=False),
    Beat("sloengine.rollups", "ensure_partitions", 3600, SLOW, asks=False),
    Beat("sloengine.rollups", "thin_and_prune", 3600, SLOW, asks=False),
)

app = Celery("tailwatch")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    {
        "task_ignore_result": True,
        "task_acks_late": False,
        "worker_prefetch_multiplier": 1,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        # A web request that nudges a worker tries once and waits no longer; workers count their own tries.
        "broker_transport_options": {"socket_connect_timeout": 2, "max_retries": 0},
        "task_default_queue": FAST,
        "task_time_limit": 300,
        "task_soft_time_limit": 240,
        "worker_hijack_root_logger": False,
        "beat_max_loop_interval": 1,
        "beat_schedule": {
            beat.task: {"task": beat.task, "schedule": beat.every_seconds, "options": beat.options}
            for beat in BEAT
            if not beat.asks
        }
        | {
            f"ask {queue}": {
                "task": f"observability.tasks.ask_{queue}",
                "schedule": 1,
                "options": {"queue": queue, "expires": 5},
            }
            for queue in (FAST, SLOW)
        }
        | {
            f"heart {queue}": {
                "task": f"observability.core.tasks.beat_{queue}",
                "schedule": 5,
                "options": {"queue": queue, "expires": 10},
            }
            for queue in (FAST, SLOW)
        },
    }
)
app.set_default()  # for the threads of the web server, which nudge
app.autodiscover_tasks(lambda: sorted({beat.noun for beat in BEAT} | {"observability", "observability.core"}))
