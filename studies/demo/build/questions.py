"""All that one can ask about Merrow Isle, each question in five wordings, and small talk."""

from collections.abc import Mapping

from studies.demo.build.island import FESTIVALS, FOODS, PLACES
from studies.demo.build.kinds import Kind
from studies.demo.build.people import PEOPLE
from studies.demo.build.stories import STORIES

KINDS: tuple[Kind, ...] = PEOPLE + STORIES + FESTIVALS + PLACES + FOODS

SMALL_TALK: Mapping[str, str] = {
    "Hello!": "Hello, and welcome to Merrow Isle.",
    "Hi, how are you?": "Very well, thank you, the sea is calm today.",
    "Good morning!": "Good morning, and welcome to Merrow Isle.",
    "Who are you?": "My name is Pip, and this is my guide to Merrow Isle.",
    "What is your name?": "My name is Pip, and this is my guide to Merrow Isle.",
    "What can you do?": "Ask me about the people, places, books and festivals of Merrow Isle.",
    "What can I ask you?": "Ask me about the people, places, books and festivals of Merrow Isle.",
    "Where am I?": "You are on Merrow Isle, a small island with twelve places.",
    "Thank you!": "You are welcome, and enjoy your stay on Merrow Isle.",
    "Goodbye!": "Goodbye, and come back to Merrow Isle soon.",
}
