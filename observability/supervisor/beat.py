"""Beat without a file: what is due is read from rows, so nothing is lost when beat forgets when it last spoke."""

from __future__ import annotations

from datetime import timedelta

from celery.beat import Scheduler


class MemoryScheduler(Scheduler):
    """Celery's scheduler with the app's beat table, kept in memory only. At its start it says everything once, at once."""

    def setup_schedule(self) -> None:
        super().setup_schedule()
        self.merge_inplace(self.app.conf.beat_schedule)
        for entry in self.schedule.values():
            entry.last_run_at = entry.default_now() - timedelta(days=1)
