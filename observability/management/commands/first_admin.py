"""`manage.py first_admin`: makes the account `admin` in an installation without accounts; prints it once, as JSON."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand

from observability.core import clock, services
from observability.core.models import Role, User


class Command(BaseCommand):
    help = "Makes the first administrator unless there is an account, and prints its password as JSON, this once."

    def handle(self, *args: Any, **options: Any) -> None:
        if User.objects.exists():
            return
        user, password = services.create_user(
            organisation=services.default_organisation(), username="admin", role=Role.ADMIN, now=clock.now()
        )
        self.stdout.write(json.dumps({"username": user.username, "password": password}))
