"""Brings the corpora's annotations to one convention, that of Universal NER: no article, no title and no possessive in a span; a people is no place."""
import re

from known_names import COUNTRIES, DEMONYMS, TITLES

Span = tuple[int, int, str]
_LEAD = re.compile(r"^(?:[#@]\s*|(?:the|a|an)\s+)", re.IGNORECASE)
_TITLE = re.compile(rf"^(?:(?:{'|'.join(TITLES)})\.?\s+)+(?=\S)", re.IGNORECASE)
_TAIL = re.compile(r"(?:\s?['’]s|\s?['’])$")
#: One word of several capitals, such as a news account's handle without its @.
_HANDLE = re.compile(r"^[A-Za-z]+[a-z][A-Z]\w*$|^\w*_\w*$")
_DEMONYMS = {each.lower() for each in DEMONYMS}
_COUNTRIES = {each.lower() for each in COUNTRIES}
#: Proper nouns by their tag that name nothing.
_NO_NAMES = {"i", "world", "earth", "god", "internet", "web", "church", "court", "city", "state", "university", "school", "street", "@", "#"}


def conventional(text: str, spans: list[Span], source: str) -> list[Span]:
    """The spans with other bounds or labels, without those that name nobody. @param source of the corpus; tweets have handles that look like firms"""
    out = []
    for start, end, label in spans:
        tag = text[start] == "#"
        lead = _LEAD.match(text[start:end])
        start += lead.end() if lead else 0
        title = _TITLE.match(text[start:end]) if label == "PERSON" else None
        start += title.end() if title else 0
        tail = _TAIL.search(text[start:end]) if end - start > 2 else None
        end -= len(tail[0]) if tail else 0
        value = text[start:end]
        plain = value.lower().strip(" .")
        if label != "DATE" and (not plain or plain in _NO_NAMES or plain in _DEMONYMS):
            continue
        if label == "ORG" and (tag or (source == "btc" and _HANDLE.match(value))):
            continue
        out.append((start, end, "LOCATION" if label == "ORG" and plain in _COUNTRIES else label))
    return out
