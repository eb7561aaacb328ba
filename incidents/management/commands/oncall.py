"""`manage.py oncall ...`: who is on call and who is paged, in which order, and where; imports of other systems."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table

from incidents.oncall import queries
from incidents.oncall import services as oncall
from incidents.oncall.document import parse
from incidents.oncall.importers import grafana, opsgenie, pagerduty
from incidents.oncall.importers.draft import Draft
from incidents.oncall.queries import people_of
from incidents.oncall.queries.policies import read, with_steps
from incidents.oncall.services.imports import import_draft
from incidents.paging import services as paging
from incidents.paging.models import PagerEndpoint
from observability.core import clock, permissions
from observability.core.models import Role, User
from observability.core.refusals import Refused
from observability.core.services import create_user, default_organisation
from sloengine.catalog.models import Service

READERS: dict[str, Callable[[Mapping[str, Any]], Draft]] = {
    "grafana": grafana.read,
    "opsgenie": opsgenie.read,
    "pagerduty": pagerduty.read,
}


class Command(BaseCommand):
    help = "Who is paged, in which order, and where."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("show", help="every policy with its people and their pagers")
        person = actions.add_parser("person", help="a new person; prints the password once")
        person.add_argument("username")
        person.add_argument("--role", choices=Role.values, default=Role.RESPONDER.value)
        pager = actions.add_parser("pager", help="a webhook that reaches a person; prints the signing secret once")
        pager.add_argument("username")
        pager.add_argument("url")
        pager.add_argument("--name", default="Webhook")
        people = actions.add_parser("people", help="the people to tell, first to last, unless someone answers")
        people.add_argument("usernames", nargs="+")
        people.add_argument("--service", help="only for this service; for all others where left out")
        people.add_argument("--after-seconds", type=int, default=300, help="how long each has to answer (default 300)")

        bring = actions.add_parser("import", help="people, schedules and policies of another system's export")
        bring.add_argument("system", choices=sorted(READERS))
        bring.add_argument("file", type=Path, help="one JSON object, see docs/migrating.md")
        bring.add_argument("--dry-run", action="store_true", help="say what would be made and what has no equivalent")
        ical_file = actions.add_parser("ical", help="a calendar as the highest layer of a schedule")
        ical_file.add_argument("schedule")
        ical_file.add_argument("calendar", metavar="FILE|ADDRESS", help="an address is read again every hour")
        who = actions.add_parser("who", help="who is on call in every schedule, now or at an instant")
        who.add_argument("--at", type=datetime.fromisoformat, help="an instant such as 2026-12-24T18:00+01:00")
        schedule = actions.add_parser("schedule", help="make or change a schedule from a YAML or JSON document")
        schedule.add_argument("slug")
        schedule.add_argument("file", type=Path)
        schedule.add_argument("--name")

    def handle(self, *, action: str, **options: Any) -> None:
        getattr(self, f"_{action}")(options)

    def _show(self, options: dict[str, Any]) -> None:
        organisation = default_organisation()
        table = Table(
            "for", "told, first to last", "next after", "pagers", box=None, header_style="bold", pad_edge=False
        )
        now = clock.now()
        for policy in with_steps(organisation).select_related("service", "team"):
            steps = read(policy).steps
            targets = [target for step in steps for target in step.targets]
            people = [one.user for one in people_of(organisation=organisation, targets=targets, at=now)]
            pagers = PagerEndpoint.objects.filter(
                organisation=organisation, user__in=people, enabled=True, drill=False
            ).select_related("user")
            table.add_row(
                policy.meant_for,
                ", ".join(step.label for step in steps),
                ", ".join(dict.fromkeys(f"{step.after_seconds} s" for step in steps)),
                ", ".join(f"{pager.name} of {pager.recipient}" for pager in pagers) or "none: nobody can be reached",
            )
        Console().print(table if table.row_count else "Nobody is on call: manage.py oncall people USERNAME ...")

    def _import(self, options: dict[str, Any]) -> None:
        organisation = default_organisation()
        try:
            document = json.loads(options["file"].read_bytes())
            draft = READERS[options["system"]](document if isinstance(document, dict) else {})
            report = import_draft(
                organisation=organisation,
                draft=draft,
                actor=permissions.system(organisation, "command line"),
                now=clock.now(),
                dry=options["dry_run"],
            )
        except (OSError, ValueError, KeyError, Refused) as error:
            raise CommandError(f"{options['file']}: nothing was imported: {error}") from error
        self.stdout.write("Dry run, nothing is kept." if report.dry else "Imported.")
        for what, names in (
            ("people made", report.users_made),
            ("people recognised", report.users_found),
            ("schedules", report.schedules),
            ("policies", report.policies),
        ):
            self.stdout.write(f"{what}: {', '.join(names) or 'none'}")
        self.stdout.write(f"no equivalent here: {len(report.lost) or 'nothing'}")
        for sentence in report.lost:
            self.stdout.write(f"  {sentence}")

    def _ical(self, options: dict[str, Any]) -> None:
        organisation, now = default_organisation(), clock.now()
        schedule = queries.schedule(organisation=organisation, slug=options["schedule"])
        if schedule is None:
            there = ", ".join(one.slug for one in queries.schedules(organisation=organisation)) or "none yet"
            raise CommandError(f"There is no schedule {options['schedule']!r}; there are: {there}.")
        try:
            actor = permissions.system(organisation, "command line")
            asked: dict[str, Any] = {"schedule": schedule, "zone": "UTC", "actor": actor, "now": now}
            if options["calendar"].startswith(("http://", "https://", "webcal://")):
                events = oncall.follow_calendar(address=options["calendar"], **asked)
            else:
                events = oncall.bring_calendar(text=Path(options["calendar"]).read_bytes(), **asked)
        except (OSError, Refused) as error:
            raise CommandError(str(error)) from error
        unknown = sorted({event.title for event in events if not event.people})
        self.stdout.write(f"{len(events)} events; nobody known in: {', '.join(unknown) or 'none'}")

    def _who(self, options: dict[str, Any]) -> None:
        at = options["at"] or clock.now()
        if at.tzinfo is None:
            raise CommandError(f"--at {at.isoformat()} has no offset; expected one such as {at.isoformat()}+00:00")
        for schedule, shift in queries.now_on_call(organisation=default_organisation(), at=at):
            people = " and ".join(shift.people) if shift is not None else "nobody"
            until = f", until {shift.end.isoformat()}" if shift is not None and options["at"] is None else ""
            self.stdout.write(f"{schedule.slug}: {people}{until}")

    def _schedule(self, options: dict[str, Any]) -> None:
        organisation = default_organisation()
        try:
            document = parse(yaml.safe_load(options["file"].read_text(encoding="utf-8")))
            saved = oncall.save_schedule(
                organisation=organisation,
                slug=options["slug"],
                name=options["name"] or options["slug"],
                document=document,
                actor=permissions.system(organisation, "command line"),
                now=clock.now(),
            )
        except (OSError, yaml.YAMLError, Refused) as error:
            raise CommandError(f"{options['file']}: {error}") from error
        self.stdout.write(f"{saved.slug} counts from now on; its page is /oncall/{saved.slug}/")

    def _person(self, options: dict[str, Any]) -> None:
        if User.objects.filter(username=options["username"]).exists():
            raise CommandError(f"There is a person {options['username']!r} already.")
        user, password = create_user(
            organisation=default_organisation(),
            username=options["username"],
            role=Role(options["role"]),
            now=clock.now(),
        )
        self.stdout.write(f"{user.username} is {options['role']}; password, shown this once: {password}")

    def _pager(self, options: dict[str, Any]) -> None:
        organisation = default_organisation()
        endpoint, secret = paging.add_endpoint(
            organisation=organisation,
            user=_person(options["username"]),
            url=options["url"],
            name=options["name"],
            actor=permissions.system(organisation, "command line"),
            now=clock.now(),
        )
        self.stdout.write(f"{endpoint}; signing secret, shown this once: {secret}")

    def _people(self, options: dict[str, Any]) -> None:
        organisation = default_organisation()
        service = _service(options["service"]) if options["service"] else None
        oncall.set_policy(
            organisation=organisation,
            people=[_person(username) for username in options["usernames"]],
            service=service,
            after_seconds=options["after_seconds"],
            actor=permissions.system(organisation, "command line"),
            now=clock.now(),
            name=f"{service.slug} on call" if service else "On call",
        )
        self._show(options)


def _person(username: str) -> User:
    user = User.objects.filter(username=username).first()
    if user is None:
        there = ", ".join(User.objects.values_list("username", flat=True)) or "nobody"
        raise CommandError(
            f"There is no person {username!r}; there are: {there}. Add one: manage.py oncall person {username}"
        )
    return user


def _service(slug: str) -> Service:
    service = Service.objects.filter(organisation=default_organisation(), slug=slug).first()
    if service is None:
        there = ", ".join(Service.objects.values_list("slug", flat=True)) or "none yet"
        raise CommandError(f"There is no service {slug!r}; there are: {there}.")
    return service
