"""Fills the admin's forms as a browser does: whatever the page shows is sent back."""

from unittest.mock import patch

from django.contrib.admin.helpers import AdminForm
from django.template.response import SimpleTemplateResponse


def posted(client, url, **changes):
    """Return the data of the form on an admin page, with some fields changed.

    Double underscores in a name stand for hyphens: `specs__0__low` is `specs-0-low`.
    The page itself is left empty: to draw it takes far longer than to make its forms.
    """
    data = {}
    with patch.object(SimpleTemplateResponse, "rendered_content", ""):
        context = client.get(url).context_data
    main: AdminForm = context["adminform"]
    forms = [main.form]
    for inline in context["inline_admin_formsets"]:
        forms += [inline.formset.management_form, *inline.formset.forms]
    for form in forms:
        for field in form:
            value = field.value()
            name = field.html_name
            if isinstance(value, list):
                data |= {f"{name}_{index}": part for index, part in enumerate(value)}
            elif value is not None and value is not False:
                data[name] = value
    changes = {name.replace("__", "-"): value for name, value in changes.items()}
    return data | changes


def new_rows(prefix, *rows, start=0):
    """Return the data of added rows, and how many rows there now are."""
    data = {f"{prefix}-TOTAL_FORMS": start + len(rows)}
    for index, row in enumerate(rows, start=start):
        data |= {f"{prefix}-{index}-{name}": value for name, value in row.items()}
    return data


def errors_of(response):
    """Return every error of the page's forms: {field's name in the page: [message]}."""
    forms = [response.context["adminform"].form]
    for inline in response.context["inline_admin_formsets"]:
        forms += inline.formset.forms
    return {
        form.add_prefix(field): list(messages)
        for form in forms
        for field, messages in form.errors.items()
    }
