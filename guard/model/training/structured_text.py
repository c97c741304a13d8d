"""Tables, JSON and YAML with typed columns: names stand beside codes, amounts and keys that are none."""
import json
import random

from annotated_text import Row
from business_text import calendar_date
from gazetteers import Gazetteers

_COLUMNS: dict[str, list[str]] = {
    "PERSON": ["name", "contact", "employee", "customer", "manager", "owner", "assignee", "approvedBy", "requested_by", "Ansprechpartner", "beneficiary", "contactName", "author"],
    "ORG": ["vendor", "supplier", "company", "customer", "bank", "account_name", "payee", "organisation", "Firma", "employer", "client"],
    "LOCATION": ["city", "country", "site", "location", "region", "Ort", "birthplace", "office"],
    "ADDRESS": ["address", "street", "shipTo", "billing_address", "Anschrift"],
    "DATE": ["date", "created", "bookedOn", "invoice_date", "start", "dueDate", "birth_date", "Datum"],
    "code": ["id", "number", "poNumber", "ref", "reference", "employeeId", "invoice", "account", "sku", "taskId", "entry", "document", "order_no", "costCenter", "step"],
    "amount": ["amount", "net", "gross", "total", "debit", "credit", "balance", "salary", "bonus", "price", "accrual"],
    "word": ["status", "department", "category", "type", "currency", "kind", "role", "state", "priority", "method", "unit", "level", "severity"],
    "phrase": ["description", "text", "memo", "subject", "item", "note", "line", "title", "reason"],
    "flag": ["active", "paid", "approved", "posted", "isOpen", "matched"],
    "email": ["email", "mail", "contact_email"],
    "iban": ["iban", "bankAccount"],
    "period": ["period", "month", "year", "quarter"],
}
_WORDS = """open closed pending approved rejected posted EUR USD GBP SEK finance marketing engineering hr legal sales support travel rent software hardware
licences utilities invoice payment refund transfer fee payroll accrual net gross monthly yearly low medium high critical draft COMPLETED WORKING queued
stored done failed true false ok error warning info asset liability income expense debit credit""".split()
_PHRASES = """Office supplies|Annual licence fee|Trade fair booth|Cloud hosting|Laboratory equipment|Optical lenses, batch|Travel to customer|Legal advice|
Recruiting campaign|Printing of brochures|Web site relaunch|Spare parts|Prototype tooling|Consulting days|Catering for workshop|Search ads|Freight and customs|
Cleaning service|Energy bill|Trade receivables|Accounts payable|Bank charges|Payroll taxes|Employer contributions|Intercompany clearing|Outgoing payment|
Incoming payment|Standing order|Direct debit|Salary payment|VAT settlement|Depreciation of machines|Rent of warehouse|Insurance premium|Phone and internet""".replace("\n", "").split("|")


def _code(dice: random.Random) -> str:
    letters = "".join(dice.choice("ABCDEFGHIKLMNOPRSTUVWXZ") for _ in range(dice.randint(1, 3)))
    number = dice.randint(1, 10 ** dice.randint(2, 6))
    return dice.choice([
        f"{letters}-{number}", f"{letters}{number}", f"{letters}-2026-{number:04}", str(number), f"{letters}-{dice.choice('AEMHX')}-{number}", f"{number}-{letters}", f"2026-{number:05}",
        f"{dice.getrandbits(32):08x}-{dice.getrandbits(16):04x}-{dice.getrandbits(16):04x}", f"{letters}/{number}", f"#{number}", f"{letters}_{number}",
    ])


class StructuredText:
    """An endless source of rows."""

    def __init__(self, names: Gazetteers) -> None:
        self._names = names

    def row(self, dice: random.Random) -> Row:
        """One table or list of records, in one of several notations."""
        kinds = dice.sample(list(_COLUMNS), dice.randint(2, 6))
        keys = [self._key(kind, dice) for kind in kinds]
        records = [[self._value(kind, dice) for kind in kinds] for _ in range(dice.randint(1, 5))]
        labels = [kind if kind.isupper() else None for kind in kinds]
        pieces = dice.choice([self._json, self._json, self._table, self._table, self._pairs])(keys, records, labels, dice)
        text = ""
        spans: list[tuple[int, int, str]] = []
        for piece, label in pieces:
            if label is not None:
                spans.append((len(text), len(text) + len(piece), label))
            text += piece
        return text, spans, "structured"

    def _key(self, kind: str, dice: random.Random) -> str:
        key = dice.choice(_COLUMNS[kind])
        return dice.choice([key, key, key.capitalize(), key.upper(), key.replace("_", " ")])

    def _value(self, kind: str, dice: random.Random) -> str:
        names = self._names
        first, last = names.name_parts(dice)
        return {
            "PERSON": lambda: dice.choice([f"{first} {last}", f"{first} {last}", f"{last}, {first}", f"{first[0]}. {last}", last, first]),
            "ORG": lambda: names.organisation(dice),
            "LOCATION": lambda: names.place(dice),
            "ADDRESS": lambda: names.address(dice, ", "),
            "DATE": lambda: calendar_date(dice),
            "code": lambda: _code(dice),
            "amount": lambda: dice.choice([f"{dice.randint(1, 99999)}.{dice.randint(0, 99):02}", str(dice.randint(1, 999999)), f"-{dice.randint(1, 9999)}.00"]),
            "word": lambda: dice.choice(_WORDS),
            "phrase": lambda: dice.choice(_PHRASES) + dice.choice(["", "", f" {_code(dice)}"]),
            "flag": lambda: dice.choice(["true", "false", "null", "yes", "no"]),
            "email": lambda: f"{first}.{last}@example.com".lower().replace(" ", ""),
            "iban": lambda: f"DE{dice.randint(10**19, 10**20 - 1)}",
            "period": lambda: dice.choice([f"2026-{dice.randint(1, 12):02}", "2026", "Q3", "2026-Q1"]),
        }[kind]()

    def _json(self, keys: list[str], records: list[list[str]], labels: list[str | None], dice: random.Random) -> list[tuple[str, str | None]]:
        space = dice.choice(["", " "])
        gap = dice.choice(["", "\n  "])
        out: list[tuple[str, str | None]] = [(dice.choice(['{"items":[', "[", '{"lines": [']), None)]
        for number, record in enumerate(records):
            out.append(("," if number else "", None))
            out.append(("{", None))
            for place, (key, value, label) in enumerate(zip(keys, record, labels, strict=True)):
                bare = label is None and value.replace(".", "").lstrip("-").isdigit() or value in ("true", "false", "null")
                mark = "" if bare else '"'
                out += [((f",{space}" if place else "") + gap + f"{json.dumps(key)}:{space}{mark}", None), (value, label), (mark, None)]
            out.append(("}", None))
        return [*out, ("]", None)]

    def _table(self, keys: list[str], records: list[list[str]], labels: list[str | None], dice: random.Random) -> list[tuple[str, str | None]]:
        mark = dice.choice([",", ",", ";", "\t", " | "])
        out: list[tuple[str, str | None]] = [(mark.join(keys) + "\n", None)] if dice.random() < 0.8 else []
        for record in records:
            for place, (value, label) in enumerate(zip(record, labels, strict=True)):
                quote = '"' if mark == "," and "," in value else ""
                out += [((mark if place else "") + quote, None), (value, label), (quote, None)]
            out.append(("\n", None))
        return out

    def _pairs(self, keys: list[str], records: list[list[str]], labels: list[str | None], dice: random.Random) -> list[tuple[str, str | None]]:
        mark = dice.choice([": ", "=", ": ", " - "])
        return [
            piece
            for number, record in enumerate(records)
            for piece in [(f"{'- ' if mark == ': ' else ''}{_code(dice)}\n" if number else "", None)]
            + [part for key, value, label in zip(keys, record, labels, strict=True) for part in ((f"{key}{mark}", None), (value, label), ("\n", None))]
        ]
