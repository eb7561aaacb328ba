"""A workflow of GitHub Actions, dispatched. A dispatch that is sent twice runs twice: it is never repeated when no answer came.

https://docs.github.com/en/rest/actions/workflows#create-a-workflow-dispatch-event
"""

from __future__ import annotations

from incidents.actions.course import Progress, Result
from incidents.actions.executors import base

API = "https://api.github.com"


def send(order: base.Order) -> Result:
    settings = order.settings
    where = f"{settings['workflow']} of {settings['repository']}"
    if order.undo:
        return Result(
            progress=Progress.FAILED, detail="a workflow that ran cannot be taken back; dispatch one that does"
        )
    if order.rehearse:
        return Result(
            progress=Progress.DONE, detail=f"would dispatch {where}; GitHub knows no dry run, so nothing was asked"
        )
    actions = f"{str(settings.get('url', API)).rstrip('/')}/repos/{settings['repository']}/actions"
    posted = base.post(
        url=f"{actions}/workflows/{settings['workflow']}/dispatches",
        document={
            "ref": order.filled(str(settings.get("ref", "main"))),
            "inputs": {name: order.filled(str(value)) for name, value in dict(settings.get("inputs", {})).items()},
        },
        headers={
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {order.secrets['token']}",
            "X-GitHub-Api-Version": "2022-11-28",
        },
    )
    return posted.otherwise or Result(progress=Progress.DONE, detail=f"dispatched {where}; its run is GitHub's")
