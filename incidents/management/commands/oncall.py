"""`manage.py oncall show|people|pager`: who is paged, in which order, and where."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table

from incidents.oncall import services as oncall
from incidents.oncall.models import EscalationPolicy
from incidents.paging import services as paging
from incidents.paging.models import PagerEndpoint
from observability.core import clock, permissions
from observability.core.models import Role, User
from observability.core.services import create_user, default_organisation
from sloengine.catalog.models import Service


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

    def handle(self, *, action: str, **options: Any) -> None:
        getattr(self, f"_{action}")(options)

    def _show(self, options: dict[str, Any]) -> None:
        organisation = default_organisation()
        table = Table(
            "for", "told, first to last", "next after", "pagers", box=None, header_style="bold", pad_edge=False
        )
        for policy in EscalationPolicy.objects.filter(organisation=organisation).prefetch_related("responders__user"):
            people = [place.user for place in policy.responders.all()]
            pagers = PagerEndpoint.objects.filter(
                organisation=organisation, user__in=people, enabled=True
            ).select_related("user")
            table.add_row(
                policy.service.slug if policy.service else policy.team.name if policy.team else "everything else",
                ", ".join(person.username for person in people),
                f"{policy.after_seconds} s",
                ", ".join(f"{pager.name} of {pager.recipient}" for pager in pagers) or "none: nobody can be reached",
            )
        Console().print(table if table.row_count else "Nobody is on call: manage.py oncall people USERNAME ...")

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
