"""Runs benchmarks: a table, or with --json one object a line. Exit 1 when a benchmark fails or misses its target."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pkgutil
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from types import ModuleType

import tests.benchmarks
from tests.benchmarks import Measurement

HEAD = ("benchmark", "metric", "value", "unit", "target", "", "baseline")


def modules() -> dict[str, ModuleType]:
    """Benchmarks by name, in alphabetical order: the modules here that have `measure`."""
    names = sorted(found.name for found in pkgutil.iter_modules(tests.benchmarks.__path__) if found.name != "__main__")
    loaded = {name: importlib.import_module(f"tests.benchmarks.{name}") for name in names}
    return {name: module for name, module in loaded.items() if hasattr(module, "measure")}


def number(value: float | None) -> str:
    """Four significant digits, with thousands separated: 1234567 is "1,235,000", 0.012345 is "0.01234"."""
    if value is None:
        return ""
    short = float(f"{value:.4g}")
    return f"{short:,.0f}" if abs(short) >= 1000 else f"{short:.4g}"


def row(one: Measurement) -> tuple[str, ...]:
    verdict = {None: "", True: "met", False: "MISSED"}[one.meets_target]
    bound = f"{'<=' if one.better == 'lower' else '>='} {number(one.target)}" if one.target is not None else ""
    other = f"{number(one.baseline)} {one.baseline_name or ''}".strip() if one.baseline is not None else ""
    return (one.benchmark, one.metric, number(one.value), one.unit, bound, verdict, other)


def table(measurements: Sequence[Measurement]) -> str:
    """Aligned columns, the value to the right."""
    rows = [HEAD, *(row(one) for one in measurements)]
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(HEAD))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column == 2 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ).rstrip()
        for cells in rows
    )


def run(name: str, module: ModuleType, *, options: argparse.Namespace) -> Iterator[Measurement]:
    """A module with options of its own has `add_arguments` and `asked`."""
    began = time.perf_counter()
    more = {"asked": module.asked(options)} if hasattr(module, "asked") else {}
    yield from module.measure(full=options.full, **more)
    print(f"{name}: {time.perf_counter() - began:.1f} s", file=sys.stderr)


def main(arguments: Sequence[str]) -> int:
    known = modules()
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Benchmarks: " + ", ".join(known))
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all that do not take long")
    parser.add_argument("--json", action="store_true", help="one object a line")
    parser.add_argument(
        "--full", action="store_true", help="the sizes that the design promises, however long they take"
    )
    for module in known.values():
        if hasattr(module, "add_arguments"):
            module.add_arguments(parser)
    options = parser.parse_args(arguments)
    strangers = [name for name in options.names if name not in known]
    if strangers:
        parser.error(f"no benchmark {', '.join(strangers)}; there are {', '.join(known) or 'none'}")
    measurements: list[Measurement] = []
    failed = False
    for name in options.names or [name for name in known if not getattr(known[name], "BY_NAME", False)]:
        try:
            for one in run(name, known[name], options=options):
                measurements.append(one)
                if options.json:
                    print(json.dumps(asdict(one)), flush=True)
        except Exception:
            failed = True
            traceback.print_exc()
    if not options.json:
        print(table(measurements))
    return 1 if failed or any(one.meets_target is False for one in measurements) else 0


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "observability.settings")
    sys.exit(main(sys.argv[1:]))
