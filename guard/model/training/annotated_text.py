"""Annotated corpora as rows of (text, spans, source). Their annotations know no addresses, and only one of them knows dates."""
import json
import random
from pathlib import Path

from conventions import conventional

#: Share-alike and non-commercial sources are left out, so that the weights may ship.
SHARE_ALIKE = {"gum-voyage", "gum-bio"}
LABELS = {"PERSON", "ORG", "LOCATION", "DATE"}
_CLITICS = {"n't", "'s", "'re", "'ll", "'ve", "'d", "'m", "’s", "’re", "’ll", "’ve", "’d", "’m", "n’t"}

Row = tuple[str, list[tuple[int, int, str]], str]


def read_rows(folder: Path, split: str, clean: bool = False) -> list[Row]:
    """Rows of one split of one corpus. @param clean with all annotations brought to one convention, for training"""
    rows = []
    for line in (folder / f"{split}.jsonl").read_text(encoding="utf8").splitlines():
        row = json.loads(line)
        if row.get("source") not in SHARE_ALIKE:
            text, spans = join_tokens(row["tokens"], row["tags"])
            source = row["source"].split("-")[0]
            rows.append((text, conventional(text, spans, source) if clean else spans, source))
    return rows


def join_tokens(tokens: list[str], tags: list[str]) -> tuple[str, list[tuple[int, int, str]]]:
    """Text of a tokenised sentence, with spaces as written text has them as far as its words go."""
    text = ""
    spans: list[tuple[int, int, str]] = []
    for token, tag in zip(tokens, tags, strict=True):
        if text and token not in _CLITICS:
            text += " "
        start = len(text)
        text += token
        kind, _, label = tag.partition("-")
        if label not in LABELS:
            continue
        if kind == "I" and spans and spans[-1][2] == label and spans[-1][1] >= start - 1:
            spans[-1] = (spans[-1][0], len(text), label)
        else:
            spans.append((start, len(text), label))
    # Handles are for the guard's rules; some corpora call some of them organisations.
    return text, [span for span in spans if "@" not in text[max(0, span[0] - 2) : span[1]]]


def swap_entities(row: Row, names, dice: random.Random) -> Row:
    """The row with other persons, and sometimes other places and organisations: context stays, names change."""
    text, spans, source = row
    done = 0
    out = ""
    new: list[tuple[int, int, str]] = []
    for start, end, label in spans:
        value = text[start:end]
        if label == "PERSON":
            value = names.person_like(value, dice)
        elif label == "LOCATION" and dice.random() < 0.5:
            value = names.place(dice)
        elif label == "ORG" and dice.random() < 0.3:
            value = names.organisation(dice)
        out += text[done:start]
        new.append((len(out), len(out) + len(value), label))
        out += value
        done = end
    return out + text[done:], new, source


def change_case(row: Row, dice: random.Random) -> Row:
    """Now and then the whole text in lower, upper or title case, as people and forms write it."""
    text, spans, source = row
    roll = dice.random()
    changed = text.lower() if roll < 0.11 else text.upper() if roll < 0.15 else text.title() if roll < 0.17 else text
    return (changed, spans, source) if len(changed) == len(text) else row
