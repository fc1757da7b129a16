"""The web process: pages and API over HTTP, events over WebSockets."""

import os

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "heretic_web.settings")
django_application = get_asgi_application()  # must run before models are imported

from studies.origin import SameOriginOnly  # noqa: E402
from studies.routing import websocket_router  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": django_application,
        "websocket": SameOriginOnly(AuthMiddlewareStack(websocket_router)),
    }
)
