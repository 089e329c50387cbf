"""Lists that open at once however many rows there are, and that nobody can edit."""

from __future__ import annotations

import json
import uuid
from typing import Any, ClassVar, Final

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString

COUNT_LIMIT: Final = 5_000
# A filter that no index serves looks at the newest rows only.
WINDOW: Final = 50_000
_SHOWN_CHARACTERS: Final = 4_000


class BoundedPaginator(Paginator):
    """Counts no further than `COUNT_LIMIT`: what lies behind is found by filters, not by turning pages.

    A filter that few rows pass would make the database walk the primary key from the newest row to the
    oldest to fill one page (SQLite always does, PostgreSQL when its statistics mislead it). So the keys of
    few rows are read through the filter's own index, put in order here, and a page is read by its keys.
    """

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        if isinstance(rows, QuerySet):
            return rows.order_by()[:COUNT_LIMIT].count()
        return len(rows)

    def page(self, number: Any) -> Page:
        rows = self.object_list
        if not isinstance(rows, QuerySet) or self.count >= COUNT_LIMIT or not _newest_first(rows):
            return super().page(number)
        number = self.validate_number(number)
        keys = sorted(rows.order_by().values_list("pk", flat=True)[:COUNT_LIMIT], reverse=True)
        first = (number - 1) * self.per_page
        return Page(rows.filter(pk__in=keys[first : first + self.per_page]), number, self)


def _newest_first(rows: QuerySet[Any]) -> bool:
    return rows.query.order_by[:1] in (("-pk",), ("-id",))


class BoundedChangeList(ChangeList):
    """Takes even a single page from the paginator: Django reads the whole queryset for it."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not self.multi_page:
            self.result_list = self.paginator.page(1).object_list


class BoundedAdmin(admin.ModelAdmin):
    """A read-only admin whose list never counts or sorts a whole table."""

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    list_max_show_all = 50
    list_select_related: ClassVar[Any] = False
    sortable_by = ()
    ordering: ClassVar[Any] = ("-id",)

    class Media:
        css = {"all": ("jobs/admin.css",)}

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BoundedChangeList

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        name, label = self.opts.model_name, self.opts.app_label
        return any(request.user.has_perm(f"{label}.{verb}_{name}") for verb in ("view", "change"))

    def has_act_permission(self, request: HttpRequest) -> bool:
        """What actions ask for: steering jobs is changing them."""
        return request.user.has_perm("jobs.change_job")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [field.name for field in self.opts.fields]


def uuid_of(text: str) -> uuid.UUID | None:
    """`text` as an id, or None when it is none."""
    try:
        return uuid.UUID(text.strip())
    except ValueError:
        return None


def job_link(job_id: uuid.UUID | None) -> SafeString | str:
    """A link to a job's page."""
    if job_id is None:
        return "-"
    return format_html(
        '<a class="mono" href="{}">{}</a>', reverse("admin:jobs_job_change", args=(job_id,)), job_id
    )


def state_label(state: str) -> SafeString:
    """A state as a word on a colour: the word says it, the colour only helps."""
    return format_html('<span class="state state-{}">{}</span>', state, state)


def pretty(value: Any) -> SafeString | str:
    """A JSON value to read, cut where it gets long."""
    if value in (None, {}, []):
        return "-"
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    if len(text) > _SHOWN_CHARACTERS:
        text = f"{text[:_SHOWN_CHARACTERS]}\n… {len(text) - _SHOWN_CHARACTERS:,} more characters"
    return format_html('<pre class="json">{}</pre>', text)


def newest(queryset: QuerySet[Any], model: type[Model]) -> QuerySet[Any]:
    """`queryset` within the newest `WINDOW` rows of its table."""
    edge = model._default_manager.order_by("-pk").values_list("pk", flat=True)[WINDOW : WINDOW + 1].first()
    return queryset if edge is None else queryset.filter(pk__gt=edge)


def duration(seconds: float | None) -> str:
    """Seconds as people say them: 0.4 s, 12 s, 3 min 5 s, 2 h 10 min."""
    if seconds is None:
        return "-"
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
