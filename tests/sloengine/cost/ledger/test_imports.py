"""Usage from files: whole or not at all, each row once, and every wrong cell named."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from observability.core import clock, permissions
from observability.core.models import AuditEntry, Role
from observability.core.permissions import NotAllowed
from observability.core.services import default_organisation
from sloengine.cost.ledger.meters import TokenClass
from sloengine.cost.ledger.models import UsageDay, UsageHour, UsageImport
from sloengine.cost.ledger.queries import spend
from sloengine.cost.ledger.services import close_hours, import_usage, withdraw_import
from sloengine.cost.ledger.tables import BadTable
from sloengine.cost.ledger.usagefile import read_csv, read_openai
from tests import factories

NOW = factories.NOW
HEAD = "at,service,tenant,model,input,cache_read,output,requests_ok,gpu_hours\n"
START = datetime(2026, 11, 10, 8, tzinfo=UTC)


def openai(*results, start=START, seconds=3600, **page):
    begin = int(start.timestamp())
    bucket = {"object": "bucket", "start_time": begin, "end_time": begin + seconds, "results": list(results)}
    return json.dumps({"object": "page", "data": [bucket], "has_more": False, **page})


def result(**given):
    fields = {"input_tokens": 100, "output_tokens": 20, "input_cached_tokens": 40, "num_model_requests": 3,
              "project_id": "acme", "model": "large", "batch": False}  # fmt: skip
    return {**fields, **given}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("at,servce\n", "column servce: found an unknown column"),
        ("at,service,service\n", "column service: found twice"),
        ("at,output\n2026-11-01,5\n", "column service: found no such column, expected the slug of a service"),
        (HEAD + "2026-11-01,chat,acme,m,-5,0,0,0,\n", "row 1, column input: found '-5', expected a whole number of 0 or more"),
        (HEAD + "2026-11-01,chat,acme,m,1e3,0,0,0,\n", "column input: found '1e3'"),
        (HEAD + "2026-11-01,chat,acme,m,1.5,0,0,0,\n", "column input: found '1.5'"),
        (HEAD + "2026-11-01,chat,acme,m,5,0,0,0,-1\n", "column gpu_hours: found '-1', expected hours of 0 or more"),
        (HEAD + "yesterday,chat,acme,m,5,0,0,0,\n", "column at: found 'yesterday'"),
        (HEAD + "2026-11-01,,acme,m,5,0,0,0,\n", "row 1, column service: found nothing"),
        (HEAD + 2 * "2026-11-01,chat,acme,m,5,0,0,0,\n", "row 2, column at: found 2026-11-01 00:00 chat, acme, m, expected once; row 1"),
        (HEAD + "2026-11-01,chat\n", "row 1, column -: found 2 cells, expected 9"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_csv_file_is_named(text, said):
    with pytest.raises(BadTable) as found:
        read_csv(text)
    assert said in str(found.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense", "found no JSON"),
        ("[]", "column data: found no list of buckets"),
        ('{"data": [{}]}', "column results: found no list in a bucket"),
        (openai(result(), has_more=True), "column has_more: found true, expected all pages in one file"),
        (openai(result(input_tokens=-1)), "row 1, column input_tokens: found -1, expected a whole number of 0 or more"),
        (openai(result(output_tokens="20")), "column output_tokens: found '20'"),
        (openai(result(output_tokens=None)), "column output_tokens: found None"),
        (openai(result(input_cached_tokens=101)), "found 101, expected at most the 100 input_tokens"),
        (openai(result(input_audio_tokens=7)), "column input_audio_tokens: found 7, expected 0"),
        (
            openai(result(), result()),
            "row 2, column at: found 2026-11-10 08:00 chat, acme, large, expected once; row 1",
        ),
        (openai(result(model=5)), "column model: found 5"),
        (openai(result(), seconds=0), "column end_time"),
    ],
)
def test_what_is_wrong_in_an_export_is_named(text, said):
    with pytest.raises(BadTable) as found:
        read_openai(text, service="chat")
    assert said in str(found.value)


def test_an_exports_classes_do_not_overlap():
    (row,) = read_openai(openai(result(), result(batch=True, input_cached_tokens=0)), service="chat")
    assert row.quantities.tokens == {
        TokenClass.INPUT: 60, TokenClass.CACHE_READ: 40, TokenClass.OUTPUT: 20, TokenClass.BATCH_INPUT: 100, TokenClass.BATCH_OUTPUT: 20,
    }  # fmt: skip
    assert (row.quantities.requests_ok, row.slice.tenant, row.slice.model, row.at) == (6, "acme", "large", START)
    (other,) = read_openai(openai(result(user_id="u1")), service="chat", tenant_from="user_id")
    assert other.slice.tenant == "u1"


@pytest.fixture
def chat(db):
    return factories.make_service(default_organisation(), slug="chat")


def take(chat, text, **given):
    organisation = chat.organisation
    fields = {"name": "usage.csv", "actor": permissions.system(organisation), "now": NOW, **given}
    return import_usage(organisation=organisation, text=text, **fields)


def test_usage_is_taken_once_and_priced_like_any_other(chat):
    factories.make_price(chat, usd="0.5", at=START - timedelta(days=1))
    factories.make_price(chat, usd="2.5", at=START - timedelta(days=1), unit="gpu_hour")
    text = HEAD + "2026-11-10T08:00:00Z,chat,acme,large,1000,0,2000,7,1.5\n2026-11-10 09:00,chat,globex,,0,0,1000,1,\n"
    taken = take(chat, text)
    acme, globex = spend(organisation=chat.organisation, since=START, until=NOW, by=("tenant",), now=NOW)
    assert (acme.usd, acme.hardware_usd, acme.requests) == (Decimal("1.5"), Decimal("3.75"), 7)
    assert globex.usd == Decimal("0.5")
    with pytest.raises(BadTable) as again:
        take(chat, text.replace("globex", "initech"))
    assert [str(one) for one in again.value.problems] == [
        "row 1, column at: found 2026-11-10 08:00 chat, acme, large, expected use that no earlier file had"
    ]
    assert UsageHour.objects.count() == 2, "nothing of a file with a wrong row is kept"
    close_hours(now=NOW)
    assert UsageDay.objects.count() == 2
    withdraw_import(taken=taken, actor=permissions.system(chat.organisation), now=NOW)
    assert not UsageHour.objects.exists()
    assert not UsageDay.objects.exists(), "a day's sum goes with its hours"
    assert take(chat, text).rows == 2
    assert list(AuditEntry.objects.order_by("pk").values_list("verb", flat=True)) == [
        "import_usage", "withdraw_import", "import_usage",
    ]  # fmt: skip


def test_what_tailwatch_counted_itself_is_not_counted_again(chat):
    factories.make_usage(chat, at=START, tenant="acme", output=1)
    with pytest.raises(BadTable, match=r"row 1, .*expected an hour that was not counted"):
        take(chat, openai(result()), service="chat")
    with pytest.raises(BadTable, match="expected no later than 2026-11-17 10:00 UTC"):
        take(chat, HEAD + "2026-12-10,chat,acme,large,1,0,2,7,\n")
    with pytest.raises(BadTable, match="found 'shop', expected one of chat"):
        take(chat, HEAD + "2026-11-10,shop,acme,large,1,0,2,7,\n")
    with pytest.raises(BadTable, match="found no row"):
        take(chat, HEAD)
    assert take(chat, HEAD + "2026-11-10,shop,acme,large,1,0,2,7,\n", new_services=True).tokens == 3
    viewer = permissions.of(factories.make_user(chat.organisation, role=Role.VIEWER), chat.organisation)
    with pytest.raises(NotAllowed):
        take(chat, HEAD, actor=viewer)


def test_the_command_takes_lists_and_withdraws(chat, tmp_path):
    file = tmp_path / "export.json"
    file.write_text(openai(result()), encoding="utf-8")

    def command(*arguments):
        out = StringIO()
        with clock.frozen(NOW):
            call_command("cost", *arguments, stdout=out)
        return out.getvalue()

    assert command("import") == "Nothing was taken over yet.\n"
    assert "1 rows with 120 tokens from export.json" in command("import", str(file), "--openai", "chat")
    with pytest.raises(CommandError, match=r"Nothing was taken over\.\nrow 1"):
        command("import", str(file), "--openai", "chat")
    assert "export.json" in command("import")
    number = str(UsageImport.objects.get().pk)
    assert "is withdrawn; its 1 rows are gone" in command("import", "--withdraw", number)
    with pytest.raises(CommandError, match="was withdrawn already"):
        command("import", "--withdraw", number)
    with pytest.raises(CommandError, match="There is no import 7"):
        command("import", "--withdraw", "7")
