"""The sockets of open pages."""

from studies.consumers.chat import ChatConsumer
from studies.consumers.study import StudyConsumer

__all__ = ["ChatConsumer", "StudyConsumer"]
