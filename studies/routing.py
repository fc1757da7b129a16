from channels.routing import URLRouter
from channels.security.websocket import WebsocketDenier
from django.urls import path, re_path

from studies.consumers import ChatConsumer, StudyConsumer

# types-channels and django-stubs disagree on what path() takes and returns.
websocket_router = URLRouter(
    [
        path("ws/studies/<uuid:study_id>/", StudyConsumer.as_asgi()),  # type: ignore[list-item, arg-type]
        path("ws/chats/<uuid:chat_id>/", ChatConsumer.as_asgi()),  # type: ignore[list-item, arg-type]
        re_path("", WebsocketDenier.as_asgi()),  # type: ignore[list-item, arg-type]
    ]
)
