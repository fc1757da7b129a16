"""Pages of a list."""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from django.db.models import QuerySet
from ninja import Field, Schema

from studies.api.schemas import PageQuery

Json = dict[str, Any]


Item = TypeVar("Item")


class Page(Schema, Generic[Item]):
    items: list[Item]
    count: int = Field(description="Of all items, not only those of this page.")


def page_of(rows: QuerySet[Any] | Sequence[Any], page: PageQuery) -> Json:
    """Cut one page out of all rows and count them."""
    shown = slice(page.offset, page.offset + page.limit)
    if not isinstance(rows, QuerySet):
        return {"items": list(rows[shown]), "count": len(rows)}
    count = rows.count()
    if page.offset:  # only ids are skipped over: rows carry large columns
        rows = rows.filter(pk__in=list(rows.values_list("pk", flat=True)[shown]))
        shown = slice(page.limit)
    return {"items": list(rows[shown]), "count": count}
