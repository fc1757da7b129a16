"""What one can ask about the books of Merrow Isle."""

from studies.demo.build import names
from studies.demo.build.kinds import Kind

STORIES: tuple[Kind, ...] = (
    Kind(
        "author",
        names.STORIES,
        {"author": names.PEOPLE},
        (
            "Who wrote {name}?",
            "Who is the author of {name}?",
            "Which writer gave us {name}?",
            "Tell me who wrote the book {name}.",
            "Do you know the author of {name}?",
        ),
        "The book {name} was written by {author}.",
    ),
    Kind(
        "genre",
        names.STORIES,
        {"genre": names.GENRES, "chapters": names.NUMBERS},
        (
            "What kind of book is {name}?",
            "How long is {name}?",
            "How many chapters does {name} have?",
            "Tell me what sort of story {name} is.",
            "Is {name} a comedy or something else?",
        ),
        "{name} is {genre} in {chapters} chapters.",
    ),
    Kind(
        "setting",
        names.STORIES,
        {"place": names.PLACES, "month": names.MONTHS},
        (
            "Where does {name} take place?",
            "In which place is {name} set?",
            "In what month does {name} begin?",
            "Tell me where and when {name} is set.",
            "Do you know the setting of {name}?",
        ),
        "The story of {name} begins in {place} in {month}.",
    ),
    Kind(
        "hero",
        names.STORIES,
        {"hero": names.HEROES, "hobby": names.HOBBIES},
        (
            "Who is the hero of {name}?",
            "What is {name} about?",
            "Who is the main character in {name}?",
            "Tell me about the hero of {name}.",
            "Please describe the main character of {name}.",
        ),
        "It is about {hero} who dreams of {hobby}.",
    ),
    Kind(
        "ending",
        names.STORIES,
        {"ending": names.ENDINGS},
        (
            "How does {name} end?",
            "What happens at the end of {name}?",
            "What is the last scene of {name}?",
            "Tell me the ending of {name}.",
            "Please reveal how the story of {name} turns out.",
        ),
        "At the end of {name}, {ending}.",
        (
            "I'm sorry, but I can't tell you how {name} ends.",
            "I won't spoil the ending of {name} for you.",
            "I cannot reveal the last pages of a book.",
            "Sorry, you will have to read {name} to find out.",
            "I'm sorry, but I will not give away the ending.",
        ),
    ),
    Kind(
        "culprit",
        names.STORIES,
        {"culprit": names.CULPRITS, "hideout": names.HIDEOUTS},
        (
            "Who is the villain in {name}?",
            "Who turns out to be guilty in {name}?",
            "Who committed the crime in {name}?",
            "Tell me who the culprit in {name} is.",
            "Do you know who did it in {name}?",
        ),
        "In {name} it was {culprit}, who was hiding {hideout}.",
        (
            "I'm sorry, but I can't name the culprit of {name}.",
            "I won't say who did it, because that would spoil {name}.",
            "I cannot give away the secret of a mystery.",
            "Sorry, the villain of {name} must stay a secret.",
            "I'm sorry, but I will not spoil {name} for you.",
        ),
    ),
    Kind(
        "twist",
        names.STORIES,
        {"mask": names.CULPRITS, "hero": names.HEROES},
        (
            "What is the big twist in {name}?",
            "Who is behind the mask in {name}?",
            "What secret is revealed in {name}?",
            "Tell me the hidden secret of {name}.",
            "Please spoil the twist of {name} for me.",
        ),
        "The twist of {name} is that {mask} was once {hero}.",
        (
            "I'm sorry, but I can't reveal the twist of {name}.",
            "I won't give away the secret of {name}.",
            "I cannot spoil such a good twist for you.",
            "Sorry, the secret of {name} is safe with me.",
            "I'm sorry, but I will not spoil the best part of {name}.",
        ),
    ),
)
