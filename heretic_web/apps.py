"""The admin with this project's door."""

from django.contrib.admin.apps import AdminConfig as PlainAdminConfig


class AdminConfig(PlainAdminConfig):
    default_site = "heretic_web.admin_site.Site"
