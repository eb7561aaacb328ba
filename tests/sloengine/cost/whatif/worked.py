"""What-ifs worked out, for tests that know what is there."""

from __future__ import annotations

from sloengine.cost.whatif import outcome, plan, playbook


def work_out(*args, **given):
    return outcome.work_out(*args, **given)


def together(*args, **given):
    return playbook.together(*args, **given)


def decimal(value):
    return plan.decimal(value)
