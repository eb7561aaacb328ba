"""System check: the tree and the runbooks are valid, and every leaf has its runbook."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.apps.config import AppConfig
from django.core.checks import CheckMessage, Error, register

from incidents.diagnosis import shipped
from incidents.diagnosis.tree import Tree
from incidents.diagnosis.treefile import TreeInvalidError
from incidents.runbooks import queries
from incidents.runbooks.format import Runbook, RunbookInvalidError


@register("incidents")
def tree_and_runbooks(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    try:
        tree, books = shipped.tree(), queries.shipped()
    except (TreeInvalidError, RunbookInvalidError) as invalid:
        return [Error(str(problem), id="incidents.E001") for problem in invalid.problems]
    return list(leaves_without_runbook(tree, [book.runbook for book in books.values()]))


def leaves_without_runbook(tree: Tree, books: Iterable[Runbook]) -> Iterable[CheckMessage]:
    by_slug = {book.slug: book for book in books}
    for leaf in tree.leaves.values():
        book = by_slug.get(leaf.runbook)
        if book is None:
            yield Error(
                f"Leaf {leaf.id!r} names runbook {leaf.runbook!r}; there are {', '.join(sorted(by_slug))}.",
                id="incidents.E002",
            )
        elif leaf.id not in book.matches:
            yield Error(
                f"Leaf {leaf.id!r} names runbook {leaf.runbook!r}, which matches {', '.join(book.matches)}.",
                hint="Add the leaf to the runbook's matches.",
                id="incidents.E003",
            )
