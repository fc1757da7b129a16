"""The pages' addresses, those for logging in and out included."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from studies import views

urlpatterns = [
    path("", views.study_list, name="study-list"),
    path("studies/new", views.study_new, name="study-new"),
    path("studies/reproduce", views.study_reproduce, name="study-reproduce"),
    path("studies/<uuid:study_id>/", views.study_detail, name="study-detail"),
    path("studies/<uuid:study_id>/analysis/", views.study_analysis, name="study-analysis"),
    path("studies/<uuid:study_id>/geometry/", views.study_geometry, name="study-geometry"),
    path("studies/<uuid:study_id>/trials/<int:number>/", views.trial_detail, name="trial-detail"),
    path("exports/<uuid:export_id>/", views.export_detail, name="export-detail"),
    path("studies/<uuid:study_id>/trials/<int:number>/chat/", views.trial_chat, name="trial-chat"),
    path("evaluations/", views.evaluations, name="evaluations"),
    path("compare", views.study_compare, name="compare"),
    path("account/notifications/", views.account_notifications, name="notifications"),
    path("queue/", views.work_queue, name="queue"),
    path("accounts/login/", LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
]
