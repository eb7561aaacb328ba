"""`manage.py slo ...`, a module a subcommand.

base.py      what they share: documents named on the command line, ratios in words
validate.py  apply.py  export.py  report.py  backtest.py  sources.py

A module has HELP, `arguments(parser)` and `run(organisation, options, write)`.
"""

from __future__ import annotations

from types import ModuleType

from sloengine.management.slo import apply, backtest, export, report, sources, validate

SUBCOMMANDS: dict[str, ModuleType] = {
    "validate": validate,
    "apply": apply,
    "backtest": backtest,
    "export": export,
    "report": report,
    "sources": sources,
}
