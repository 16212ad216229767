"""Names as one writes them, from lines that shout or whisper."""

import re

_ADDRESS = re.compile(
    r"(?:www\.)?((?:[a-z0-9-]+\.)+(?:com?|org|net|eu|uk|it|es|de|fr|ch|at|ie|io|gov|info|biz|app|shop|online))(?:/\S*)?",
    re.IGNORECASE,
)
_SMALL = frozenset(
    re.findall(
        r"\w+",
        "of the and for at in on by to di de del della dei degli delle"
        " da do dos la le el il lo los las y e et und von van der",
    )
)
_AS_WRITTEN = {
    each.lower(): each for each in ("GmbH", "Ltd", "St", "Co", "Mr", "Mrs", "Dr", "Jr", "Mc")
}
_INITIALS, _CONSONANTS = 2, 4
# So short and yet words, and nobody's initials.
_WORDS = _SMALL | frozenset(
    re.findall(r"\w+", "am an as be go he hi if is it me my no oh or so up us we mi su tu al ex")
)
_APOSTROPHES = frozenset("'\u2019")
_LETTERS = re.compile(r"[^\W\d_]+")


def cased(said: str) -> str:
    """Without shouting, and without whispering: words as one writes names. Mixed case is somebody's choice."""
    if said.upper() != said and said.lower() != said:
        return said
    words = said.split(" ")
    edges = (0, len(words) - 1)
    return " ".join(
        each.lower() if place not in edges and each.lower() in _SMALL else _word(each)
        for place, each in enumerate(words)
    )


def _word(word: str) -> str:
    if found := _ADDRESS.fullmatch(word):
        return found[1].lower()
    last = 0
    parts = []
    for found in _LETTERS.finditer(word):
        after = word[found.start() - 1] if found.start() else ""
        parts += [word[last : found.start()], _part(found[0], after)]
        last = found.end()
    return "".join([*parts, word[last:]])


def _part(letters: str, after: str) -> str:
    folded = letters.lower()
    if len(folded) != len(letters) or after.isdecimal():
        return letters
    if folded in _AS_WRITTEN:
        return _AS_WRITTEN[folded]
    if after in _APOSTROPHES and len(folded) <= _INITIALS:
        return folded
    if _is_initials(folded):
        capitals = letters.upper()
        return capitals if len(capitals) == len(letters) else letters
    first = folded[0].title()
    # Of a letter with another small one than its own, such as the dotless i, it would make another word.
    return first + folded[1:] if first.lower() == folded[0] else folded


def _is_initials(folded: str) -> bool:
    if not folded.isascii():
        return False
    if len(folded) <= _INITIALS:
        return folded not in _WORDS
    return len(folded) <= _CONSONANTS and not set(folded) & set("aeiouy")
