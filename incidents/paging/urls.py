"""Addresses that pagers and the people they reach open."""

from __future__ import annotations

from django.urls import path

from incidents.paging import views
from incidents.paging.answers import views as answers
from incidents.paging.endpoints import views as endpoints

urlpatterns = [
    path("ack/<str:token>/", views.acknowledge, name="acknowledge-link"),
    path("demo/pager/inbox/<str:token>/", views.demo_inbox, name="demo-pager-inbox"),
    path("answers/slack/<slug:organisation>/", answers.slack, name="answer-slack"),
    path("hooks/chat/slack/<slug:organisation>/", answers.slash_command, name="slash-command"),
    path("answers/twilio/<int:page>/", answers.twilio, name="answer-twilio"),
    path("answers/voice/<str:token>/", answers.voice, name="answer-voice"),
    path("pages/<int:page>/resend/", answers.resend, name="page-resend"),
    path("pagers/", endpoints.pagers, name="pagers"),
    path("pagers/add/<slug:kind>/", endpoints.add, name="pager-add"),
    path("pagers/<int:pk>/test/", endpoints.test, name="pager-test"),
    path("pagers/<int:pk>/code/", endpoints.code, name="pager-code"),
    path("pagers/<int:pk>/verify/", endpoints.verify, name="pager-verify"),
    path("pagers/<int:pk>/switch/", endpoints.switch, name="pager-switch"),
    path("pagers/carriers/", endpoints.carrier, name="carrier"),
    path("pagers/slack-app/", endpoints.slack_app, name="slack-app"),
]
