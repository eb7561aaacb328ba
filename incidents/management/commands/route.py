"""python manage.py route show | apply FILE | test name=value ... [--file FILE]: where an alert with these labels would go."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from incidents.alerts.matchers import said
from incidents.routing import queries, services
from observability.core import clock, permissions
from observability.core.models import Organisation
from observability.core.services import DEFAULT_ORGANISATION, default_organisation


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organisation", default="", metavar="SLUG")
        commands = parser.add_subparsers(dest="command", required=True)
        commands.add_parser("show", help="print the routes that count")
        apply = commands.add_parser("apply", help="validate a file and let it count")
        apply.add_argument("file", help="a YAML file, or - for standard input")
        test = commands.add_parser("test", help="the path that an alert with these labels takes")
        test.add_argument("labels", nargs="+", metavar="name=value")
        test.add_argument("--file", default="", help="a YAML file to try before it counts")

    def handle(self, *args: Any, **options: Any) -> None:
        organisation = _organisation(str(options["organisation"]))
        try:
            getattr(self, options["command"])(organisation, options)
        except services.RoutesUnusable as error:
            raise CommandError(str(error)) from error

    def show(self, organisation: Organisation, options: dict[str, Any]) -> None:
        document = queries.current(organisation_id=organisation.pk)
        print(document.text if document is not None else "No routes: alerts are grouped by service.")

    def apply(self, organisation: Organisation, options: dict[str, Any]) -> None:
        text = _text(options["file"])
        actor = permissions.system(organisation, "the command line")
        document = services.set_routes(organisation=organisation, text=text, actor=actor, now=clock.now())
        print(f"Version {document.version} counts.")

    def test(self, organisation: Organisation, options: dict[str, Any]) -> None:
        labels = dict(_label(text) for text in options["labels"])
        text = _text(options["file"]) if options["file"] else None
        routes = (
            services.validated(organisation=organisation, text=text)
            if text is not None
            else queries.routes(organisation_id=organisation.pk)
        )
        taken, asked = services.tried(routes=routes, labels=labels)
        for one in asked:
            mark = "takes it" if one.fits else "passes"
            print(f"{'  ' * one.depth}{one.route.name}: {mark} ({said(one.route.matchers)})")
        print(f"Path: {taken.said}")
        for name, value in taken.given:
            print(f"  {name}: {value}")


def _organisation(slug: str) -> Organisation:
    if not slug or slug == DEFAULT_ORGANISATION:
        return default_organisation()
    found = Organisation.objects.filter(slug=slug).first()
    if found is None:
        raise CommandError(f"There is no organisation {slug}.")
    return found


def _text(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read: {error}") from error


def _label(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found or not name:
        raise CommandError(f"found {text!r}, expected name=value such as service=chat")
    return name, value
