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
    count = rows.count() if isinstance(rows, QuerySet) else len(rows)
    return {"items": list(rows[page.offset : page.offset + page.limit]), "count": count}
