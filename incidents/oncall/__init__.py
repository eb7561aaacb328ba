"""On call: who has it at any instant, and who is told about a service, in which order.

walltime.py, rotation.py, schedule.py, document.py, days.py (pure) compute shifts from documents; models.py keeps schedules with their
versions, overrides, swaps, notes, notices and policies with their steps; queries/ and services/ load and change them; importers/ and
exports.py speak iCalendar and the exports of other systems; watch/ tells of hand-overs and gaps.
"""
