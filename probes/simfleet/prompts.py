"""Stored prompts with their reference answers, by service and slice. Plain data; `answers` works on it.

Answers are 20 to 58 words, so that a canary's 64 tokens hold the whole of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import combinations
from typing import NamedTuple

SLICES = ("short", "long", "code", "language", "exact-number", "tool-call")


class Stored(NamedTuple):
    service: str
    slice: str
    prompt: str
    answer: str


# topic: what it is, how it works, what to watch for
_CHAT = {
    "a heat pump": (
        "A heat pump moves warmth from outside air or ground into a house, using electricity only to drive the compressor and fans.",
        "Because it moves heat instead of making it, one unit of electricity usually brings about three units of warmth indoors.",
        "It works best with large radiators and good insulation, since low flow temperatures keep the compressor efficient.",
    ),
    "a sourdough starter": (
        "A sourdough starter is a mixture of flour and water in which wild yeast and bacteria live and multiply.",
        "Each feeding gives them fresh starch, and the gas they release later lifts the dough slowly during a long rest.",
        "Keep it in the fridge between bakes and refresh it twice before using it, so that it rises strongly again.",
    ),
    "tidal power": (
        "Tidal power turns the regular rise and fall of the sea into electricity with turbines set in barrages or open currents.",
        "The timing follows the moon, therefore operators can predict the output of every day for many years ahead.",
        "Building costs remain high, and planners must weigh the effect on estuaries, fish and shipping very carefully.",
    ),
    "compound interest": (
        "Compound interest is interest paid on the original sum and also on the interest that was added before.",
        "The balance therefore grows faster every year, which helps savers with patience and hurts borrowers who wait.",
        "Small differences in the yearly rate become large over decades, so compare offers by the effective annual rate.",
    ),
    "the water cycle": (
        "The water cycle describes how water evaporates from seas and land, forms clouds, falls as rain and flows back again.",
        "Sunlight drives the evaporation, while wind carries the moisture over continents before it cools and condenses.",
        "Forests, soils and glaciers store water for a time, which is why their loss makes floods and droughts more common.",
    ),
    "a night train": (
        "A night train carries passengers over long distances while they sleep in seats, couchettes or private compartments.",
        "Travellers save a hotel night and arrive in the centre of a city early in the morning without airport transfers.",
        "Book early, bring earplugs and a light blanket, and check whether breakfast and bicycles are included in the fare.",
    ),
}
_CODE = {
    "a race condition": (
        "A race condition is a fault where the result depends on which of several threads happens to run first.",
        "It appears when two of them read and write the same value without a lock or another kind of ordering.",
        "Protect the shared value, or pass messages instead, and test with many threads because the fault seldom shows itself.",
    ),
    "an index in a database": (
        "An index in a database is a sorted structure that lets a query find rows without reading the whole table.",
        "Every insert and update must maintain it, so each additional index makes writing slower and uses more storage.",
        "Create one for columns that filters and joins use often, and look at the query plan before adding another.",
    ),
    "dependency injection": (
        "Dependency injection means that a component receives the objects it needs from outside instead of creating them itself.",
        "A test can then hand over a simple replacement, and production code decides in one place what is connected.",
        "Plain constructor arguments are usually enough, while a large framework often hides where an object really comes from.",
    ),
    "a bloom filter": (
        "A bloom filter is a compact set that answers whether an element is certainly absent or possibly present.",
        "It hashes each element several times and sets bits in one array, so two elements may share the same bits.",
        "Use it to avoid slow lookups for missing keys, and choose the array size from the error share you accept.",
    ),
    "backpressure": (
        "Backpressure is the way in which a slow consumer tells a fast producer to wait before sending more work.",
        "Without it queues grow until memory ends, and every request becomes late although the consumer never stops working.",
        "Bound each queue, reject early with a clear error, and measure how long work waits and not only how much.",
    ),
    "a content hash": (
        "A content hash is a short fingerprint computed from the bytes of a file, equal only for equal content.",
        "Build systems and caches use it as a name, therefore unchanged inputs are never built or downloaded twice.",
        "Choose a cryptographic function whenever somebody could gain from making two different files share one fingerprint.",
    ),
}
_BATCH = {
    "the support call of Monday": (
        "The customer called because the router lost its connection every evening after the latest firmware update was installed.",
        "The agent replaced the power supply, changed the wireless channel and asked for the log files of three days.",
        "The customer agreed to call again on Friday, and the case stays open until the connection is stable.",
    ),
    "the minutes of the planning meeting": (
        "The team agreed to move the release by one week, because the payment provider changes its interface in between.",
        "Testing begins on Tuesday with two people, while documentation and training material are prepared at the same time.",
        "Open questions are the budget for translation and who answers customers during the night of the change.",
    ),
    "the report on the warehouse": (
        "The warehouse delivered most orders on time, although two conveyor belts stood still during the busiest week.",
        "Night shifts were added to reduce the backlog, which raised the cost of every parcel by a small amount.",
        "The author recommends spare motors on site and a monthly inspection of the sorting system before the holidays.",
    ),
    "the review of the hotel": (
        "Guests praise the quiet rooms, the friendly staff at the reception and the generous breakfast with regional food.",
        "Several complain about weak wireless reception on the upper floors and about the price of the underground garage.",
        "Most would return, especially families, who mention the small pool and the short walk to the old town.",
    ),
    "the letter from the city": (
        "The city announces that the bridge will be closed to cars from April until the end of September.",
        "Buses and bicycles may still cross, and a detour over the northern ring road will be signposted.",
        "Residents can put their questions to the planning office at an evening meeting in the town hall.",
    ),
    "the interview with the engineer": (
        "The engineer explains that most failures in her plant begin with sensors that drift and are never recalibrated.",
        "Her team compares each sensor with its neighbours every hour and replaces those that differ for a whole day.",
        "She advises other plants to begin with a simple comparison before they buy any complicated analysis software.",
    ),
}
_TOPICS = {"chat": _CHAT, "code": _CODE, "batch": _BATCH}
#: Two of a topic's three sentences answer each of these.
_SHORT = (
    ("In one or two sentences: what is {}?", 0, 1),
    ("Briefly: how does {} work, and what should one watch for?", 1, 2),
    ("In short, for a beginner: what is {}, and one piece of advice.", 0, 2),
    ("Two sentences of practical advice on {}, please.", 2, 1),
)
_LONG = {
    "chat": "Explain {} to an adult who has never met it, and add some practical advice.",
    "code": "Explain {} to a new colleague, with its cost and when to use it.",
    "batch": "Summarise {} for the management in three sentences.",
}
_BOTH = "Write three sentences on {} and {}: what each of them is, and one thing to watch for."

_SOURCE = {
    "median": (
        "def median(values):\n    ordered = sorted(values)\n    middle = len(ordered) // 2\n    if len(ordered) % 2:\n"
        "        return ordered[middle]\n    return (ordered[middle - 1] + ordered[middle]) / 2\n"
        "The list is sorted once, then the middle element or the mean of both middle elements is returned."
    ),
    "unique": (
        "def unique(values):\n    seen = set()\n    result = []\n    for value in values:\n        if value not in seen:\n"
        "            seen.add(value)\n            result.append(value)\n    return result\n"
        "The order of first appearance stays, and each membership test takes constant time."
    ),
    "chunks": (
        "def chunks(values, size):\n    for start in range(0, len(values), size):\n        yield values[start:start + size]\n"
        "The generator yields slices of equal length, and only the last slice may be shorter when the length is no multiple."
    ),
}
_NAMES = ("values", "orders", "visits", "scores", "prices", "lengths")
_JSON = (
    '{"status": "open", "priority": 2, "note": "the customer waits for a second call and asks that the %s brings '
    'the spare part with the written report about the earlier visits and the measured values of the line"}'
)
_BRINGERS = ("technician", "driver", "engineer", "courier")
_LANGUAGE = (
    (
        "Antworte auf Deutsch: Wie lagert man {} richtig?",
        ("Kaffee", "Brot", "Honig", "Tee", "Reis", "Mehl", "Zucker", "Kakao", "Salz", "Müsli"),
        "{} gehört in ein dicht verschlossenes Gefäß an einem kühlen, trockenen und dunklen Ort, nicht in die Nähe des Herdes. "
        "Kaufe lieber kleine Mengen und verbrauche sie zügig, denn Luft, Licht und Wärme nehmen mit der Zeit den Geschmack.",
    ),
    (
        "Réponds en français : comment conserver {} ?",
        (
            "le fromage", "le chocolat", "le beurre", "le pain", "le jambon", "le saumon", "le miel", "le raisin", "le pâté",
            "le gâteau",
        ),
        "Il faut garder {} au frais, à l'abri de la lumière et des odeurs fortes, dans un papier qui laisse passer un peu d'air. "
        "Sortez la quantité voulue une demi-heure avant le repas, afin que les arômes puissent se développer.",
    ),
)  # fmt: skip
_NUMBERS = (
    (17, 23), (48, 12), (125, 16), (37, 41), (64, 99), (18, 27), (53, 14), (72, 36), (11, 95), (28, 63), (45, 22), (81, 19),
    (33, 57), (26, 74), (90, 13), (15, 68), (39, 42), (77, 31), (24, 86), (58, 29),
)  # fmt: skip
_UNITS = {"chat": ("boxes", "apples"), "code": ("tables", "rows"), "batch": ("pallets", "parcels")}


_CALL = (
    '{"tool": "%s", "arguments": {"subject": "%s", "note": "the customer asks for it before the end of the week and wants to '
    'be told by telephone when it is done or when anything about it changes again"}}'
)
_TOOLS = {"create_ticket": "Open a ticket about", "send_quote": "Send a quote for", "book_visit": "Book a visit for",
          "check_stock": "Look up the stock for", "start_return": "Start the return of"}  # fmt: skip
_SUBJECTS = {
    "chat": ("the garden pump", "the night light", "the bread knife", "the cargo bike"),
    "code": ("the build server", "the test licence", "the spare laptop", "the code scanner"),
    "batch": ("the label printer", "the pallet truck", "the spare motor", "the cold store"),
}


@cache
def stored() -> tuple[Stored, ...]:
    """127 prompts a service: 24 short, 21 long, 22 code, 20 of each other; a slice of the replay suite has 20 (R33)."""
    return tuple(_all())


def _all() -> Iterator[Stored]:
    for service, topics in _TOPICS.items():
        for topic, sentences in topics.items():
            for question, one, other in _SHORT:
                yield Stored(service, "short", question.format(topic), f"{sentences[one]} {sentences[other]}")
            yield Stored(service, "long", _LONG[service].format(topic), " ".join(sentences))
        for (first, about), (second, beside) in combinations(topics.items(), 2):
            yield Stored(service, "long", _BOTH.format(first, second), f"{about[0]} {beside[0]} {about[2]}")
        yield from _code(service)
        yield from _others(service)


def _code(service: str) -> Iterator[Stored]:
    for name, source in _SOURCE.items():
        for values in _NAMES:
            asked = f"Write a Python function {name} of {values} for {service} data and say how it works."
            yield Stored(service, "code", asked, source.replace("values", values))
    for bringer in _BRINGERS:
        asked = f"Give the state of the {service} ticket for the {bringer} as JSON with status, priority and note."
        yield Stored(service, "code", asked, _JSON % bringer)


def _others(service: str) -> Iterator[Stored]:
    for question, things, reply in _LANGUAGE:
        for thing in things:
            asked = question.format(thing) if service == "chat" else f"[{service}] {question.format(thing)}"
            yield Stored(service, "language", asked, reply.format(thing))
    box, piece = _UNITS[service]
    for one, other in _NUMBERS:
        yield Stored(
            service,
            "exact-number",
            f"There are {one} {box} with {other} {piece} each. How many {piece} are there? End with the number.",
            f"Every one of the {box} holds the same count, so the two figures are multiplied with each other and nothing is "
            f"left over or has to be rounded. Taken together, the whole delivery of all {box} therefore contains this many "
            f"{piece}: {one * other}",
        )
    for tool, order in _TOOLS.items():
        for subject in _SUBJECTS[service]:
            asked = f"{order} {subject}: answer with the call of one tool, as JSON with tool and arguments."
            yield Stored(service, "tool-call", asked, _CALL % (tool, subject))


def passages(service: str, prompt: str) -> tuple[str, ...]:
    """What retrieval should find for a long question: the facts about its topics. None for other prompts."""
    topics = [topic for topic in _TOPICS[service] if topic in prompt]
    return tuple(_TOPICS[service][topic][0] for topic in topics)
