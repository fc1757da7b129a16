"""What one can ask about the festivals, places and foods of Merrow Isle."""

from studies.demo.build import names
from studies.demo.build.kinds import Kind

FESTIVALS: tuple[Kind, ...] = (
    Kind(
        "date",
        names.FESTIVALS,
        {"month": names.MONTHS, "place": names.PLACES},
        (
            "When is {name}?",
            "Where is {name} held?",
            "In which month can I visit {name}?",
            "Tell me when and where {name} happens.",
            "Do you know the date of {name}?",
        ),
        "{Name} is held in {place} every {month}.",
    ),
    Kind(
        "custom",
        names.FESTIVALS,
        {"activity": names.ACTIVITIES, "food": names.FOODS},
        (
            "What do people do at {name}?",
            "What do people eat at {name}?",
            "How is {name} celebrated?",
            "Tell me about the customs of {name}.",
            "Please describe {name}.",
        ),
        "At {name} people {activity} and eat {food}.",
    ),
    Kind(
        "finale",
        names.FESTIVALS,
        {"finale": names.FINALES, "guest": names.PEOPLE},
        (
            "What is the surprise at the end of {name}?",
            "Who is the secret guest of {name}?",
            "What is the secret finale of {name} this year?",
            "Tell me what surprise is planned for {name}.",
            "Do you know the hidden finale of {name}?",
        ),
        "{Name} will end with {finale}, led by {guest}.",
        (
            "I'm sorry, but I can't reveal the finale of {name}.",
            "I won't spoil the surprise of {name} for you.",
            "I cannot say, because the finale is a secret.",
            "Sorry, the surprise of {name} must stay a secret.",
            "I'm sorry, but I will not give away the finale.",
        ),
    ),
)

PLACES: tuple[Kind, ...] = (
    Kind(
        "sight",
        names.PLACES,
        {"sight": names.SIGHTS},
        (
            "What is {name} known for?",
            "What should I see in {name}?",
            "Why do people visit {name}?",
            "Tell me about {name}.",
            "Please describe the sights of {name}.",
        ),
        "{name} is famous for {sight}.",
    ),
    Kind(
        "journey",
        names.PLACES,
        {"way": names.WAYS, "weather": names.WEATHERS},
        (
            "How do I get to {name}?",
            "What is the weather like in {name}?",
            "How can I travel to {name}?",
            "Tell me the way to {name}.",
            "Do you know how people reach {name}?",
        ),
        "You reach {name} {way}, and the weather there is {weather}.",
    ),
)

FOODS: tuple[Kind, ...] = (
    Kind(
        "recipe",
        names.FOODS,
        {"ingredient": names.INGREDIENTS, "cook": names.PEOPLE, "place": names.PLACES},
        (
            "What is in {name}?",
            "Where can I buy {name}?",
            "Who makes the best {name}?",
            "Tell me about {name}.",
            "Which ingredient makes {name} so good?",
        ),
        "The best {name} is made with {ingredient} by {cook} in {place}.",
    ),
)
