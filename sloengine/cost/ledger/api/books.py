"""What cost is worked out from: prices, hardware, files of usage, invoices. Files come as text and are taken whole or not at all."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from ninja import Field, Router, Schema, Status
from ninja.errors import HttpError

from observability.core.access import Request
from sloengine.catalog.api import service_if_named
from sloengine.cost.ledger import services
from sloengine.cost.ledger.invoicing import Comparison, Why
from sloengine.cost.ledger.models import Invoice, Placement, UsageImport
from sloengine.cost.ledger.queries import reconciled
from sloengine.cost.ledger.tables import BadTable
from sloengine.cost.models import Price

router = Router(tags=["cost"])
MOST_TEXT = 20_000_000


class FileIn(Schema):
    text: str = Field(max_length=MOST_TEXT, description="the file's own text")
    name: str = Field("", max_length=200)


class Taken(Schema):
    rows: int


class PriceOut(Schema):
    number: int = Field(alias="pk")
    unit: str
    token_class: str
    service: str | None = None
    model: str
    region: str
    hardware: str
    purchase: str
    price: Decimal = Field(alias="usd")
    currency: str
    effective_from: datetime
    effective_until: datetime | None

    @staticmethod
    def resolve_service(row: Price) -> str | None:
        return row.service.slug if row.service is not None else None


@router.get("/cost/prices", response=list[PriceOut], summary="The price list")
def prices(request: Request) -> QuerySet[Price]:
    rows = Price.objects.filter(organisation=request.organisation).select_related("service")
    return rows.order_by("effective_from", "pk")


@router.post("/cost/prices", response={201: Taken}, summary="Take a CSV price list over")
def add_prices(request: Request, body: FileIn) -> Status[Taken]:
    try:
        rows = services.add_prices(
            organisation=request.organisation, text=body.text, actor=request.actor, now=request.moment, source=body.name
        )
    except BadTable as error:
        raise HttpError(422, str(error)) from error
    return Status(201, Taken(rows=rows))


@router.delete("/cost/prices/{int:number}", response={204: None}, summary="Withdraw a price")
def withdraw_price(request: Request, number: int) -> Status[None]:
    row = get_object_or_404(Price, organisation=request.organisation, pk=number)
    services.withdraw_price(price=row, actor=request.actor, now=request.moment)
    return Status(204, None)


class HardwareIn(Schema):
    hardware: str = Field(max_length=100)
    units: Decimal = Field(Decimal(1), description="GPUs of a replica; without a service, shared nodes")
    reserved: Decimal = Field(Decimal(0), description="GPUs that are paid whether they run or not")
    purchase: str = ""
    service: str | None = None
    model: str = Field("", max_length=200)
    variant: str = Field("", max_length=200)
    region: str = Field("", max_length=200)
    replicas: str = Field("", max_length=200, description="a pattern such as chat-h100-*")
    effective_from: datetime | None = Field(None, description="with its offset; this hour where left out")


class HardwareOut(Schema):
    number: int = Field(alias="pk")
    service: str | None = None
    model: str
    variant: str
    region: str
    replicas: str
    hardware: str
    purchase: str
    units: Decimal
    reserved: Decimal
    effective_from: datetime
    effective_until: datetime | None

    @staticmethod
    def resolve_service(row: Placement) -> str | None:
        return row.service.slug if row.service is not None else None


@router.get("/cost/hardware", response=list[HardwareOut], summary="What hardware replicas run on")
def hardware(request: Request) -> QuerySet[Placement]:
    rows = Placement.objects.filter(organisation=request.organisation).select_related("service")
    return rows.order_by("effective_from", "pk")


@router.post("/cost/hardware", response={201: HardwareOut}, summary="Say what hardware replicas run on")
def place(request: Request, body: HardwareIn) -> Status[Placement]:
    given = body.dict(exclude={"service", "effective_from"})
    start = body.effective_from or request.moment
    if start.tzinfo is None:
        raise HttpError(
            422, "effective_from: found a time without an offset, expected one such as 2026-11-22T14:00:00Z"
        )
    try:
        row = services.place(
            organisation=request.organisation, service=service_if_named(request, body.service), effective_from=start,
            actor=request.actor, now=request.moment, **given,
        )  # fmt: skip
    except services.BadPlacement as error:
        raise HttpError(422, str(error)) from error
    return Status(201, row)


@router.delete("/cost/hardware/{int:number}", response={204: None}, summary="End a placement with this hour")
def end_placement(request: Request, number: int) -> Status[None]:
    row = get_object_or_404(Placement, organisation=request.organisation, pk=number)
    services.end_placement(placement=row, actor=request.actor, now=request.moment)
    return Status(204, None)


class UsageIn(FileIn):
    openai_service: str = Field("", description="the text is an OpenAI-style usage export, of this service")
    tenant_from: str = Field("project_id", pattern="^(project_id|user_id|api_key_id)$")
    new_services: bool = False


class ImportOut(Schema):
    number: int = Field(alias="pk")
    name: str
    kind: str
    rows: int
    tokens: int
    by: str
    at: datetime
    withdrawn_at: datetime | None


@router.get("/cost/imports", response=list[ImportOut], summary="Usage that was taken over from files")
def imports(request: Request) -> QuerySet[UsageImport]:
    return UsageImport.objects.filter(organisation=request.organisation).order_by("-at", "-pk")


@router.post(
    "/cost/imports", response={201: ImportOut}, summary="Take usage over from a CSV file or an OpenAI-style export"
)
def import_usage(request: Request, body: UsageIn) -> Status[UsageImport]:
    try:
        taken = services.import_usage(
            organisation=request.organisation, name=body.name or "sent over REST", text=body.text, actor=request.actor,
            now=request.moment, service=body.openai_service, tenant_from=body.tenant_from, new_services=body.new_services,
        )  # fmt: skip
    except BadTable as error:
        raise HttpError(422, str(error)) from error
    return Status(201, taken)


@router.delete("/cost/imports/{int:number}", response={204: None}, summary="Take an import's rows away again")
def withdraw_import(request: Request, number: int) -> Status[None]:
    taken = get_object_or_404(UsageImport, organisation=request.organisation, pk=number)
    services.withdraw_import(taken=taken, actor=request.actor, now=request.moment)
    return Status(204, None)


class InvoiceIn(FileIn):
    number: str = Field(max_length=100)
    since: datetime
    until: datetime
    service: str | None = None


class InvoiceOut(Schema):
    number: str
    currency: str
    since: datetime
    until: datetime
    by: str
    at: datetime


class ComparedOut(Schema):
    token_class: str
    model: str
    why: Why
    our_tokens: int
    their_tokens: int
    ours: Decimal | None
    theirs: Decimal
    difference: Decimal | None
    by_quantity: Decimal | None
    by_price: Decimal | None


class ComparisonOut(Schema):
    rows: list[ComparedOut]
    ours: Decimal | None
    theirs: Decimal
    difference: Decimal | None


@router.get("/cost/invoices", response=list[InvoiceOut], summary="Invoices that were taken over")
def invoices(request: Request) -> QuerySet[Invoice]:
    return Invoice.objects.filter(organisation=request.organisation).order_by("-since", "number")


@router.post(
    "/cost/invoices", response={201: ComparisonOut}, summary="Take an invoice over; what differs from the ledger"
)
def add_invoice(request: Request, body: InvoiceIn) -> Status[Comparison]:
    if body.since.tzinfo is None or body.until.tzinfo is None:
        raise HttpError(422, "since, until: found a time without an offset, expected one such as 2026-11-01T00:00:00Z")
    given: dict[str, Any] = {"number": body.number, "text": body.text, "since": body.since, "until": body.until}
    try:
        invoice = services.add_invoice(
            organisation=request.organisation, service=service_if_named(request, body.service), actor=request.actor,
            now=request.moment, **given,
        )  # fmt: skip
    except BadTable as error:
        raise HttpError(422, str(error)) from error
    return Status(201, reconciled(invoice=invoice, now=request.moment))


@router.get(
    "/cost/invoices/{path:number}", response=ComparisonOut, summary="An invoice beside the ledger, by class of tokens"
)
def invoice(request: Request, number: str) -> Comparison:
    row = get_object_or_404(Invoice, organisation=request.organisation, number=number)
    return reconciled(invoice=row, now=request.moment)


@router.delete("/cost/invoices/{path:number}", response={204: None}, summary="Withdraw an invoice")
def withdraw_invoice(request: Request, number: str) -> Status[None]:
    row = get_object_or_404(Invoice, organisation=request.organisation, number=number)
    services.withdraw_invoice(invoice=row, actor=request.actor, now=request.moment)
    return Status(204, None)
