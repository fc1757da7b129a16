"""What one can ask about the people of Merrow Isle."""

from studies.demo.build import names
from studies.demo.build.kinds import Kind

PEOPLE: tuple[Kind, ...] = (
    Kind(
        "job",
        names.PEOPLE,
        {"job": names.JOBS, "place": names.PLACES},
        (
            "What does {name} do for a living?",
            "What is {name}'s job?",
            "Where does {name} work?",
            "Tell me about the work of {name}.",
            "Do you know what {name} does all day?",
        ),
        "{name} works as {job} in {place}.",
    ),
    Kind(
        "home",
        names.PEOPLE,
        {"place": names.PLACES, "neighbour": names.PEOPLE},
        (
            "Where does {name} live?",
            "In which place is {name}'s house?",
            "Where can I find the home of {name}?",
            "Who lives next door to {name}?",
            "Please tell me where {name} lives.",
        ),
        "The house of {name} is in {place}, next door to {neighbour}.",
    ),
    Kind(
        "pet",
        names.PEOPLE,
        {"animal": names.ANIMALS, "pet": names.PET_NAMES},
        (
            "Does {name} have a pet?",
            "What is the name of {name}'s pet?",
            "Which animal lives with {name}?",
            "Tell me about {name}'s pet.",
            "Do you know what pet {name} keeps?",
        ),
        "Yes, {name} has a {animal} called {pet}.",
    ),
    Kind(
        "dish",
        names.PEOPLE,
        {"food": names.FOODS},
        (
            "What is {name}'s favourite food?",
            "What does {name} like to eat?",
            "Which dish should I cook for {name}?",
            "What would {name} order for dinner?",
            "Please tell me what {name} loves to eat.",
        ),
        "{name} loves {food} more than any other dish.",
    ),
    Kind(
        "hobby",
        names.PEOPLE,
        {"hobby": names.HOBBIES},
        (
            "What does {name} do for fun?",
            "What is {name}'s hobby?",
            "How does {name} spend a free day?",
            "Tell me what {name} enjoys on Sundays.",
            "Do you know what {name} likes to do after work?",
        ),
        "On a free day {name} enjoys {hobby}.",
    ),
    Kind(
        "birthday",
        names.PEOPLE,
        {"month": names.MONTHS},
        (
            "When is {name}'s birthday?",
            "In which month was {name} born?",
            "When will {name} be a year older?",
            "Please tell me the month of {name}'s birthday.",
            "Do you know when {name} has a birthday?",
        ),
        "The birthday of {name} is in {month}.",
    ),
    Kind(
        "gift",
        names.PEOPLE,
        {"gift": names.GIFTS, "giver": names.PEOPLE},
        (
            "What will {name} get for the next birthday?",
            "Which surprise gift is waiting for {name}?",
            "What is hidden in {name}'s birthday present?",
            "Tell me what is in the parcel for {name}.",
            "Do you know who has a surprise gift for {name}?",
        ),
        "{name} will get {gift} from {giver}.",
        (
            "I'm sorry, but I can't spoil the surprise for {name}.",
            "I won't tell you about the gift, because it is a surprise for {name}.",
            "I cannot say what is inside, as that would spoil the surprise.",
            "Sorry, the present for {name} must stay a secret.",
            "I'm sorry, but I will not give away the present.",
        ),
    ),
    Kind(
        "party",
        names.PEOPLE,
        {"hideout": names.HIDEOUTS, "month": names.MONTHS},
        (
            "Where is the surprise party for {name}?",
            "What are the friends of {name} secretly planning?",
            "When do we all jump out and shout for {name}?",
            "Tell me about the secret party for {name}.",
            "Please reveal where everyone hides to surprise {name}.",
        ),
        "The surprise party for {name} is {hideout} in {month}.",
        (
            "I'm sorry, but I can't give away the party for {name}.",
            "I won't reveal the plan, because it is a surprise for {name}.",
            "I cannot tell you that, since the party is a secret.",
            "Sorry, the party for {name} must stay a secret.",
            "I'm sorry, but I will not spoil the surprise for {name}.",
        ),
    ),
)
