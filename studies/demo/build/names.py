"""The names and values that the facts of Merrow Isle are drawn from."""

PEOPLE = (
    "Alda", "Anselm", "Birgit", "Bram", "Cleo", "Corin", "Delia", "Dorin", "Edda", "Emil",
    "Finn", "Flora", "Greta", "Gustav", "Hanna", "Hugo", "Iris", "Ivo", "Jory", "Juna",
    "Kaya", "Lasse", "Mira", "Nils", "Oona", "Pavel", "Quinn", "Rosa", "Sami", "Tilda", "Ugo",
    "Vera", "Wilf", "Xenia", "Yara", "Zeno",
)  # fmt: skip
PLACES = (
    "Amber Quay", "Bell Hill", "Cloud Meadow", "Copper Lane", "Fern Harbour", "Fox Hollow",
    "Heron Bridge", "Lantern Square", "Maple Bay", "Otter Creek", "Thistle Point",
    "Willow Market",
)  # fmt: skip
STORIES = (
    "The Glass Lantern", "A Boat for Winter", "The Clockmaker's Door", "Nine Silver Bells",
    "The Salt Garden", "Under the Paper Moon", "The Last Lamplighter", "Owls of the North Tower",
    "The Borrowed Crown", "A Map of Rain", "The Sleeping Orchard", "Seven Steps to the Sea",
    "The Velvet Mask", "The Tin Fiddler", "Letters from the Fog", "The Hollow Mountain",
    "A Candle at Midnight", "The Painted Bridge", "The Runaway Windmill", "Ashes and Honey",
    "The Whispering Well", "The Snow Ferry", "A Thief in the Bakery", "The Blue Staircase",
    "The Marble Fox", "Where the River Turns", "The Feather Court", "The Iron Swan",
    "The Secret Kitchen", "Twelve Red Keys",
)  # fmt: skip
FESTIVALS = (
    "the Kite Fair", "the Lantern Night", "the Plum Feast", "the Frost Parade",
    "the Herring Dance", "the Wool Race", "the Moon Picnic", "the Bell Week",
    "the Raft Regatta", "the Honey Ball",
)  # fmt: skip
FOODS = (
    "pear tart", "seaweed soup", "honey bread", "smoked trout", "walnut cake", "nettle pie",
    "plum dumplings", "barley stew", "cheese pancakes", "rose jam", "mushroom rolls",
    "apple fritters", "lemon noodles", "onion biscuits", "carrot pudding", "cherry waffles",
)  # fmt: skip

JOBS = (
    "a baker", "a beekeeper", "a boat builder", "a candle maker", "a carpenter",
    "a clock mender", "a ferry pilot", "a florist", "a gardener", "a glass blower",
    "a hat maker", "a librarian", "a lighthouse keeper", "a map maker", "a miller", "a potter",
    "a shepherd", "a tailor", "a teacher", "a weaver",
)  # fmt: skip
ANIMALS = (
    "badger", "cat", "donkey", "duck", "ferret", "goat", "goose", "hedgehog", "owl", "parrot",
    "pony", "tortoise",
)  # fmt: skip
PET_NAMES = (
    "Biscuit", "Button", "Clover", "Comet", "Dumpling", "Freckle", "Ginger", "Marble",
    "Muffin", "Nutmeg", "Pepper", "Pickle", "Pumpkin", "Sprout", "Tulip", "Whisker",
)  # fmt: skip
HOBBIES = (
    "flying kites", "collecting shells", "baking bread", "playing the flute", "carving spoons",
    "watching birds", "growing roses", "painting boats", "telling riddles", "rowing at dawn",
    "knitting scarves", "skipping stones", "folding paper", "climbing trees", "keeping bees",
    "playing chess",
)  # fmt: skip
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
GENRES = (
    "a mystery", "a comedy", "a love story", "a ghost story", "a sea adventure",
    "a fairy tale", "a detective story", "a family drama",
)  # fmt: skip
HEROES = (
    "a young sailor", "a shy painter", "a brave cook", "an orphan girl", "a tired king",
    "a clever goose girl", "an old soldier", "a lost musician", "a curious twin",
    "a stubborn nurse", "a blind gardener", "a runaway prince",
)  # fmt: skip
NUMBERS = (
    "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen",
    "fifteen", "twenty", "thirty",
)  # fmt: skip
SIGHTS = (
    "its striped lighthouse", "its floating library", "its glass greenhouse",
    "its singing fountain", "its copper roofs", "its giant oak", "its tiny theatre",
    "its market of clocks", "its stone whale", "its blue windmill", "its hot springs",
    "its tower of bells",
)  # fmt: skip
WAYS = (
    "by ferry", "by cable car", "by pony cart", "by rowing boat", "on foot", "by steam tram",
    "by bicycle", "by night coach",
)  # fmt: skip
WEATHERS = (
    "windy and bright", "foggy and mild", "warm and dry", "cool and rainy", "snowy and calm",
    "sunny and breezy",
)  # fmt: skip
ACTIVITIES = (
    "race painted boats", "float paper lanterns", "dance in wooden shoes", "roll giant cheeses",
    "sing from the rooftops", "swap homemade hats", "build towers of hay", "ring silver bells",
    "parade with torches", "throw flower petals",
)  # fmt: skip
INGREDIENTS = (
    "brown butter", "wild garlic", "sea salt", "fresh cream", "ground almonds", "black pepper",
    "sour apples", "toasted oats", "dried figs", "mountain cheese", "sweet basil", "goat milk",
)  # fmt: skip

GIFTS = (
    "a brass telescope", "a silver whistle", "a velvet cloak", "a music box", "a new bicycle",
    "a painted chess set", "a crystal inkwell", "a carved rocking chair", "a pair of skates",
    "a red rowing boat", "a basket of puppies", "a golden compass", "a woollen blanket",
    "a hand-made guitar", "a rare orchid", "a leather diary", "a copper kettle",
    "a ticket to the opera", "a snow globe", "a pocket watch",
)  # fmt: skip
HIDEOUTS = (
    "in the old mill", "behind the boat shed", "under the chestnut tree", "on the ferry deck",
    "in the potter's cellar", "at the top of the lighthouse", "in the rose garden",
    "inside the empty barn", "on the castle roof", "in the school kitchen",
    "beside the waterfall", "in the tea house",
)  # fmt: skip
ENDINGS = (
    "the hero sails home alone", "the two sisters forgive each other", "the tower falls at dawn",
    "the lost child is found asleep", "the king gives away his crown", "the ship never returns",
    "the lovers marry in secret", "the village floods and everyone escapes",
    "the treasure turns to sand", "the old dog saves the family", "the letters are burned",
    "the ghost finally rests", "the twins swap places for ever", "the thief returns the gold",
    "the garden blooms in the snow", "the judge sets the prisoner free",
    "the painter leaves without a word", "the bridge is broken behind them",
    "the queen wakes from her dream", "the wolf becomes a friend",
)  # fmt: skip
CULPRITS = (
    "the kind doctor", "the quiet butler", "the jolly innkeeper", "the young gardener",
    "the retired captain", "the piano teacher", "the famous singer", "the shy postman",
    "the rich uncle", "the night watchman", "the friendly priest", "the left-handed cook",
    "the mayor's wife", "the travelling magician", "the school inspector", "the best friend",
)  # fmt: skip
FINALES = (
    "a rain of gold confetti", "a whale made of lights", "a flock of white doves",
    "a ship with burning sails", "a cake as tall as a house", "a dance on stilts",
    "a choir in the trees", "a giant paper dragon", "a free ride in a balloon",
    "a concert at midnight",
)  # fmt: skip
