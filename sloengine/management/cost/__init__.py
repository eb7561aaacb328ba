"""`manage.py cost ...`, a module a subcommand.

base.py       what they share: tables, money, ranges, sparklines
report.py     price.py  rates.py  hardware.py  imports.py  invoice.py  export.py  fill.py  anomalies.py  contract.py
budgets.py    whatif.py  forecast.py  capacity.py

A module has HELP, `arguments(parser)` and `run(organisation, options, write)`.
"""

from __future__ import annotations

from types import ModuleType

from sloengine.management.cost import (
    anomalies,
    budgets,
    capacity,
    contract,
    export,
    fill,
    forecast,
    hardware,
    imports,
    invoice,
    price,
    rates,
    report,
    whatif,
)

SUBCOMMANDS: dict[str, ModuleType] = {
    "report": report,
    "import": imports,
    "export": export,
    "fill": fill,
    "hardware": hardware,
    "invoice": invoice,
    "price": price,
    "rates": rates,
    "anomalies": anomalies,
    "contract": contract,
    "budgets": budgets,
    "what-if": whatif,
    "forecast": forecast,
    "capacity": capacity,
}
