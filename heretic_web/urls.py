from django.contrib import admin
from django.urls import include, path

from studies.api import api

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/v1/", api.urls),
    path("", include("studies.urls")),
]
