"""Words of a text and their shapes: the same cut as `guard/detect/ner/`, so that training and use see the same input."""
import regex

_CJK = r"\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}"
_PUNCTUATION = r"\p{P}$+<=>^`|~"
WORD = regex.compile(rf"[{_CJK}]|[{_PUNCTUATION}]|[^\s{_CJK}{_PUNCTUATION}]+")
_UPPER = regex.compile(r"\p{Lu}")
_LOWER = regex.compile(r"\p{Ll}")
_LETTER = regex.compile(r"\p{L}")
_DIGIT = regex.compile(r"\p{Nd}")

SHAPES = ("special", "lower", "title", "upper", "mixed", "digit", "punctuation", "other")


def shape_of(word: str) -> int:
    """Index into SHAPES. A single upper-case letter is `title`, as an initial is."""
    if _DIGIT.search(word):
        return 5
    if not _LETTER.search(word):
        return 6
    upper = len(_UPPER.findall(word))
    lower = len(_LOWER.findall(word))
    if upper + lower == 0:
        return 7
    if upper == 0:
        return 1
    if _UPPER.match(word) and upper == 1:
        return 2
    return 3 if lower == 0 else 4


def words_of(text: str) -> list[tuple[int, int]]:
    """Spans of the words of a text, in code points."""
    return [match.span() for match in WORD.finditer(text)]


def tag_words(text: str, spans: list[tuple[int, int, str]]) -> list[str]:
    """BIO tags of a text's words; `spans` are (start, end, label), sorted and without overlap."""
    tags: list[str] = []
    at = 0
    last = -1
    for start, end in words_of(text):
        while at < len(spans) and spans[at][1] <= start:
            at += 1
        if at < len(spans) and spans[at][0] < end:
            tags.append(("I-" if last == at else "B-") + spans[at][2])
            last = at
        else:
            tags.append("O")
    return tags
