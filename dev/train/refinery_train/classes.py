"""Which emoji are learnt first, and the plain words for them that Unicode's names lack."""

# The first tier: what people try. One line a kind of thing.
FIRST = """
red apple, green apple, pear, peach, lemon, banana, pineapple, mango, grapes, watermelon, strawberry, cherries, kiwi fruit,
tomato, avocado, eggplant, potato, carrot, ear of corn, hot pepper, bell pepper, cucumber, broccoli, garlic, onion, mushroom,
coconut, tangerine, blueberries,
bread, croissant, pretzel, bagel, pancakes, waffle, cheese wedge, bacon, hamburger, french fries, pizza, hot dog, sandwich,
taco, egg, popcorn, sushi, fried shrimp, cookie, doughnut, birthday cake, cupcake, pie, chocolate bar, candy, lollipop,
ice cream, soft ice cream, honey pot, spaghetti, green salad,
glass of milk, hot beverage, teapot, wine glass, cocktail glass, tropical drink, beer mug, bubble tea,
dog face, dog, poodle, wolf, fox, raccoon, cat face, cat, lion, tiger face, tiger, leopard, horse face, horse, unicorn, zebra,
deer, cow face, cow, pig face, pig, ram, goat, camel, llama, giraffe, elephant, rhinoceros, hippopotamus, mouse face, mouse,
hamster, rabbit face, rabbit, hedgehog, bat, bear, koala, panda, sloth, otter, skunk, kangaroo, monkey face, monkey, gorilla,
turkey, chicken, rooster, baby chick, bird, penguin, dove, eagle, duck, swan, owl, flamingo, peacock, parrot,
frog, crocodile, turtle, lizard, snake, dragon face, dragon, sauropod, t rex,
whale, spouting whale, dolphin, seal, fish, tropical fish, blowfish, shark, octopus, crab, lobster, spiral shell,
snail, butterfly, bug, ant, honeybee, beetle, lady beetle, spider, scorpion,
bouquet, cherry blossom, rose, hibiscus, sunflower, tulip, evergreen tree, deciduous tree, palm tree, cactus, christmas tree,
four leaf clover, maple leaf, potted plant,
house, house with garden, castle, church, hospital, school, tent, hut, volcano, mountain, snow capped mountain, desert island,
fountain, ferris wheel, sunset, bridge at night, statue of liberty,
automobile, taxi, bus, fire engine, police car, ambulance, tractor, racing car, motorcycle, bicycle, locomotive, tram,
sailboat, ship, airplane, helicopter, rocket, flying saucer, anchor, delivery truck,
sun, sun with face, crescent moon, full moon, star, glowing star, cloud, rainbow, snowflake, snowman, fire, droplet, umbrella,
high voltage, ringed planet, globe showing europe africa, water wave, tornado,
red heart, blue heart, green heart, yellow heart, purple heart, black heart, broken heart, two hearts,
smiling face, winking face, face with tears of joy, smiling face with heart eyes, smiling face with sunglasses, crying face,
angry face, sleeping face, thinking face, skull, pile of poo, clown face, ghost, alien, robot, jack o lantern,
soccer ball, basketball, baseball, tennis, american football, trophy, balloon, wrapped gift, guitar, trumpet, drum, violin,
crown, top hat, t shirt, jeans, dress, high heeled shoe, running shoe, glasses, ring, gem stone,
key, locked, bell, light bulb, candle, book, open book, books, pencil, paintbrush, artist palette, scissors, hammer, axe,
magnet, telescope, camera, television, telephone, laptop, alarm clock, hourglass done, bomb, crystal ball, teddy bear, kite,
umbrella on ground, backpack, money bag, envelope, chair, bed, door, soap, balance scale, shield, compass, anchor
"""

# Words that people use for a class of the first tier.
ALIASES = {
    "red apple": ["apple"],
    "tangerine": ["orange", "orange fruit"],
    "ear of corn": ["corn"],
    "cheese wedge": ["cheese"],
    "hamburger": ["burger"],
    "french fries": ["fries"],
    "doughnut": ["donut"],
    "birthday cake": ["cake"],
    "chocolate bar": ["chocolate"],
    "glass of milk": ["milk"],
    "hot beverage": ["coffee", "cup of coffee", "tea"],
    "wine glass": ["wine", "glass of wine"],
    "cocktail glass": ["cocktail"],
    "beer mug": ["beer"],
    "honey pot": ["honey"],
    "honeybee": ["bee"],
    "lady beetle": ["ladybug", "ladybird"],
    "spiral shell": ["shell"],
    "sauropod": ["dinosaur"],
    "t rex": ["tyrannosaurus"],
    "baby chick": ["chick"],
    "deciduous tree": ["tree"],
    "evergreen tree": ["fir tree"],
    "automobile": ["car", "red car"],
    "airplane": ["plane"],
    "locomotive": ["steam train", "train"],
    "delivery truck": ["truck"],
    "flying saucer": ["ufo"],
    "sailboat": ["sailing boat", "boat"],
    "snow capped mountain": ["snowy mountain"],
    "desert island": ["island"],
    "crescent moon": ["moon"],
    "ringed planet": ["saturn", "planet"],
    "globe showing europe africa": ["earth", "globe"],
    "high voltage": ["lightning"],
    "droplet": ["drop of water"],
    "water wave": ["wave"],
    "red heart": ["heart"],
    "smiling face": ["smiley", "smile"],
    "jack o lantern": ["pumpkin"],
    "pile of poo": ["poo"],
    "soccer ball": ["football"],
    "tennis": ["tennis ball"],
    "wrapped gift": ["gift", "present"],
    "gem stone": ["diamond"],
    "high heeled shoe": ["high heel"],
    "running shoe": ["sneaker", "shoe"],
    "locked": ["padlock", "lock"],
    "hourglass done": ["hourglass"],
    "alarm clock": ["clock"],
    "balance scale": ["scales"],
    "umbrella on ground": ["parasol"],
    "closed book": ["book", "red book"],
    "cat": ["yellow cat"],
    "rose": ["red rose"],
}

_FIRST = {name.strip() for name in FIRST.replace("\n", " ").split(",")}
_FIRST = (_FIRST - {"book"}) | {"closed book"}


def tier(name, group, subgroup):
    """1 for what is learnt first, 2 for the rest."""
    return 1 if name in _FIRST else 2


def unknown(names):
    """Names above that no emoji has."""
    return sorted((_FIRST | set(ALIASES)) - set(names))
