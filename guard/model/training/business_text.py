"""Writes business text with its spans from `templates.txt` and the gazetteers."""
import random
import re
from pathlib import Path

from annotated_text import Row
from gazetteers import Gazetteers
from known_names import DEMONYMS, TITLES
from plain_words import GREETINGS, INTERJECTIONS, LABELS_OF_FORMS, NOUNS, PETS, THINGS

_SLOT = re.compile(r"\{(\w+?)(?:\.(\d))?\}")
_MONTHS = "January February March April May June July August September October November December".split()
_MONTHS_OF = {
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split(),
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split(),
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre".split(),
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre".split(),
    "nl": "januari februari maart april mei juni juli augustus september oktober november december".split(),
}
_WORDS = {
    "weekday": "Monday|Tuesday|Wednesday|Thursday|Friday|monday|next week|tomorrow|yesterday",
    "job": "Head of Sales|CFO|Chief Executive Officer|accountant|Senior Engineer|project manager|Legal Counsel|nurse|Office Manager|HR Business Partner|"
    "data scientist|Buchhalter|Geschäftsführer|directeur commercial|analyst|Vice President|team lead|driver|consultant|Payroll Specialist",
    "department": "Finance|Marketing|Engineering|HR|Legal|Sales|Support|Operations|Procurement|IT|Accounting|R&D|Logistics|Customer Success|Payroll",
    "subject": "Quarterly review|Budget|Contract renewal|Invoice overdue|Meeting notes|Onboarding|Holiday plan|Server outage|Offer|Price list|Open items|"
    "Roadmap|Audit findings|Office move|Training|Travel request|Accruals for the period|Bank reconciliation",
    "thing": "the budget|the new contract|the open items|the migration|customer feedback|the audit|the price list|shipping costs|the login page|"
    "the payroll run|the release|quarterly figures|the office lease|the training plan|our roadmap|the reconciliation|invoice matching|the backlog",
    "doc": "contract|offer|invoice|non-disclosure agreement|report|statement of work|annual report|lease|policy|price list|timesheet|declaration",
    "product": "Excel|Word|PowerPoint|Photoshop|Outlook|Windows 11|iPhone 15|Galaxy S24|Android|Chrome|Firefox|Jira|Confluence|Kubernetes|Docker|Postgres|"
    "MongoDB|Kafka|Jenkins|Grafana|Terraform|React|Angular|Django|Rails|Java|Python|Rust|Ruby|Swift|Pascal|Ada|Visual Studio|Office 365|S/4HANA|Teams|"
    "Slack|Zoom|Notion|Figma|Salesforce Cloud|PlayStation 5|Kindle|Tableau|Model S|Golf GTI|Node|Ollama|Goose|Redis|Lambda|Aurora|Athena|Maven|Gradle|Bash",
    "font": "Helvetica|Arial|Times New Roman|Calibri|Verdana|Garamond|Georgia|Courier New|Roboto|Lucida Grande",
    "region": "eu-west-1|us-east-2|europe-west3|ap-southeast-1|westeurope|northeurope|us-central1|eu-central-1",
    "service": "auth-service|billing-api|payment-gateway|search-indexer|mail-relay|web-frontend|ledger-worker|cache|Scheduler|Gateway|Ingress",
    "field": "created_at|customer_id|is_active|total_amount|status|updated_by|period|currency|description|retry_count|max_tokens|account_code",
    "code": "getUserById|TypeError|NullPointerException|parse_config|createServer|main.py|index.ts|OrderService|HttpClient|ValueError|fetchStatus|handleEvent|"
    "send_task|reconcile_bank|propose_entries|list_inbox|final_output|read_file|write_file",
    "file": "report.pdf|budget_2026.xlsx|notes.docx|export.csv|invoice.pdf|config.yaml|main.py|README.md|slides.pptx|ledger.csv",
    "acronym": "CPA|CEO|CTO|COO|DOB|MRI|SSN|VIN|LLC|LP|HR|PR|IPO|R&B|DVD|USB|ATM|DIY|BBQ|PS|RSVP|BTW|IMO|OMG|ASAP|FYI|EORI|SEPA|AHV|DPO|AOB|NIF|CIF|KVK|PESEL|NIP|CPF|BSN|BCAA|LNG|GISB|SOX|GDPR|NDA|RFP|SLA|KPI|API|VAT|IFRS|GAAP|HMB|MCT|PDF|HTML|SQL|CRM|ERP|RACI|SOW|MSA|ETA|FAQ|PO|EBITDA|ISIN|POC|QA|HIPAA|COBRA|FTE|TBD|EOM|CSV",
    "domain": "example.com|shop-online.net|newsletter.org|bellmail.net|cloudhost.io|mailbox.de|webportal.co.uk|intranet.local|docs.example.org|photos.example.net",
    "years": "two years|ten years|a year|five years",
    "nationality": "|".join(name for name in DEMONYMS if not name.endswith("s") or name == "Swiss"),
    "nationalities": "|".join(name for name in DEMONYMS if name.endswith("s") and name != "Swiss"),
    "rank": "|".join(TITLES),
    "noun": "|".join(NOUNS),
    "greeting": "|".join(GREETINGS),
    "cry": "|".join(INTERJECTIONS),
    "item": "|".join([*THINGS, *THINGS, *(thing.title() for thing in THINGS), *(thing.capitalize() for thing in THINGS)]),
    "form": "|".join(LABELS_OF_FORMS),
    "pet": "|".join(PETS),
    "dish": "pizza|pad thai|tacos|burger|ribs|lasagna|ramen|sushi|fried chicken|pancakes|omelette|clam chowder|gyros|falafel|curry|steak|latte|cheesecake|wings|burrito",
    "praise": "great|awesome|wonderful|terrible|horrible|overpriced|friendly|rude|the best|amazing|so good|ok|disappointing|A+|fantastic|slow",
    "gear": "iPod|iPad|iPhone|BlackBerry|Kindle|Xbox|Playstation|Nikon D90|Canon EOS|Camry|Civic|Corolla|Mustang|Harley|Boeing 747|Vista|Windows XP|Gmail|Google Earth|Photoshop|Prozac|Tylenol|Bluetooth|Wifi|Lego|Barbie",
    "in_city": "next week|today|from our side|this afternoon",
}
_NEVER_LABELLED = {"num", "n", "amount", "time", "phone", "email", "iban", "handle", "version", "year", "age"}


def calendar_date(dice: random.Random, language: str = "en") -> str:
    """A date as people write it."""
    day, month, year = dice.randint(1, 28), dice.randint(1, 12), dice.randint(1948, 2027)
    if language == "de":
        return dice.choice([f"{day:02}.{month:02}.{year}", f"{day}. {_MONTHS_OF['de'][month - 1]} {year}", f"{day}.{month}.{year}"])
    if language != "en":
        link = " de " if language == "es" else " "
        return dice.choice([f"{day}{link}{_MONTHS_OF[language][month - 1]}{link}{year}", f"{day:02}/{month:02}/{year}"])
    name = _MONTHS[month - 1]
    suffix = "st" if day in (1, 21) else "nd" if day in (2, 22) else "rd" if day in (3, 23) else "th"
    return dice.choice([
        f"{day} {name} {year}", f"{name} {day}, {year}", f"{year}-{month:02}-{day:02}", f"{day:02}/{month:02}/{year}", f"{month}/{day}/{year}", f"{name} {day}{suffix}",
        f"{day}{suffix} of {name} {year}", f"{day:02}.{month:02}.{year}", f"{name[:3]} {day}, {year}", f"{day} {name[:3]} {year}", f"{day}-{name[:3]}-{year}", f"{name} {year}", f"{day} {name}",
    ])


class _Story:
    """Fills one template: remembers which person a number stands for."""

    def __init__(self, names: Gazetteers, dice: random.Random) -> None:
        self.names = names
        self.dice = dice
        self.people: dict[str, tuple[str, str]] = {}
        self.firms: dict[str, str] = {}

    def person(self, number: str) -> tuple[str, str]:
        if number not in self.people:
            self.people[number] = self.names.name_parts(self.dice)
        return self.people[number]

    def pieces(self, slot: str, number: str) -> list[tuple[str, str | None]]:
        """The slot's text in pieces, each with its label."""
        dice = self.dice
        if slot in _WORDS:
            return [(dice.choice(_WORDS[slot].split("|")), None)]
        if slot == "citystate":
            return [(self.names.city(dice), "LOCATION"), (dice.choice([" ", " ", ", ", ","]), None), (dice.choice([self.names.state, self.names.state, self.names.country])(dice), "LOCATION")]
        if slot in ("body", "trade"):
            return [(getattr(self.names, slot)(dice), "ORG")]
        if slot in ("spot", "site", "state"):
            return [(getattr(self.names, slot)(dice), "LOCATION")]
        if slot in ("org", "city", "country", "place"):
            return [(self.place_or_firm(slot, number), "ORG" if slot == "org" else "LOCATION")]
        if slot.startswith("date"):
            return [(calendar_date(dice, slot[5:] or "en"), "DATE")]
        if slot == "monthyear":
            return [(f"{dice.choice(_MONTHS)} {dice.randint(2019, 2027)}", "DATE")]
        if slot in ("address", "address_ml", "street", "zipcity", "zip"):
            return [(self.address(slot), "ADDRESS")]
        if slot in _NEVER_LABELLED:
            return [(self.plain(slot, number), None)]
        return self.name(slot, *self.person(number or str(dice.random())))

    def place_or_firm(self, slot: str, number: str) -> str:
        if slot != "org":
            return getattr(self.names, slot)(self.dice)
        if not number:
            return self.names.organisation(self.dice)
        return self.firms.setdefault(number, self.names.organisation(self.dice))

    def address(self, slot: str) -> str:
        if slot == "street":
            return self.names.street_address(self.dice)
        if slot == "zip":
            return self.names.postcode(self.dice)
        if slot == "zipcity":
            return f"{self.names.postcode(self.dice)} {self.names.city(self.dice)}"
        return self.names.address(self.dice, "\n" if slot == "address_ml" else ", ")

    def plain(self, slot: str, number: str) -> str:
        dice = self.dice
        if slot in ("email", "handle"):
            first, last = (part.lower().replace(" ", "") for part in self.person(number or "9"))
            return f"{first}.{last}@example.com" if slot == "email" else dice.choice([f"@{first}", f"@{first}{last}", f"{first[:1]}{last}"])
        if slot == "phone":
            return dice.choice([f"+{dice.randint(1, 99)} {dice.randint(10, 999)} {dice.randint(10000, 9999999)}", f"({dice.randint(200, 989)}) {dice.randint(200, 999)}-{dice.randint(1000, 9999)}"])
        if slot == "iban":
            return f"DE{dice.randint(10, 99)} " + " ".join(str(dice.randint(1000, 9999)) for _ in range(4)) + f" {dice.randint(10, 99)}"
        return {
            "num": lambda: dice.choice([str(dice.randint(1, 99999999)), f"{dice.choice('ABCKPRST')}{dice.choice(['-', ''])}{dice.randint(100, 999999)}"]),
            "n": lambda: str(dice.randint(1, 12)),
            "age": lambda: str(dice.randint(18, 90)),
            "year": lambda: str(dice.randint(1950, 2027)),
            "version": lambda: f"{dice.randint(0, 20)}.{dice.randint(0, 30)}.{dice.randint(0, 9)}",
            "time": lambda: f"{dice.randint(0, 23):02}:{dice.randint(0, 59):02}{dice.choice(['', '', ':07', ' pm'])}",
            "amount": lambda: dice.choice([f"{dice.randint(1, 9999):,}.{dice.randint(0, 99):02}", f"EUR {dice.randint(1, 999)}.{dice.randint(100, 999)},00", f"${dice.randint(1, 999)}k", f"€ {dice.randint(1, 99999)}", f"{dice.randint(1, 9)} million dollars"]),
        }[slot]()

    def name(self, slot: str, first: str, last: str) -> list[tuple[str, str | None]]:
        dice = self.dice
        if slot == "honor":
            title = dice.choice(["Mr ", "Mr. ", "Mrs. ", "Ms ", "Ms. ", "Dr. ", "Prof. ", "Miss ", "Sir ", "Herr ", "Frau ", "Mme ", "Sr. "])
            return [(title, None), (dice.choice([last, last, f"{first} {last}"]), "PERSON")]
        if slot == "initial":
            return [(f"{last[0]}.", "PERSON")]
        if slot == "poss":
            return [(dice.choice(["his", "her"]), None)]
        middle = f" {dice.choice('ABCDEFGHJKLMNPRSTW')}{dice.choice(['.', ''])}" if dice.random() < 0.08 else ""
        full = first + middle + " " + last
        return [({
            "person": lambda: full if dice.random() < 0.96 else f"{first[0]}. {last}",
            "first": lambda: first,
            "last": lambda: last,
            "person_rev": lambda: f"{last}, {first}{middle}",
            "initials_name": lambda: dice.choice([f"{first[0]}. {last}", f"{first[0]}.{self.names.name_parts(dice)[0][0]}. {last}", f"{first} {last[0]}."]),
            "upper": lambda: full.upper(),
            "upper_rev": lambda: f"{last}, {first}".upper(),
            "lower": lambda: full.lower(),
            "nick": lambda: dice.choice([first, first, first, f"{first}.{last[0]}", last, f"{first}{last[0]}", f"{first}_{last}", first[:4]]).lower().replace(" ", ""),
            "lastfirst": lambda: f"{last} {first}",
            "upper_slash": lambda: f"{last}/{first}".upper(),
            "last_initial": lambda: dice.choice([f"{last}, {first[0]}.", f"{first} {last[0]}.", f"{last} {first[0]}."]),
        }[slot](), "PERSON")]


class BusinessText:
    """An endless source of rows. @param templates the lines to use, so that some may be kept for tests"""

    def __init__(self, names: Gazetteers, templates: list[str]) -> None:
        self._names = names
        self._templates = templates

    def row(self, dice: random.Random) -> Row:
        """One document: a template filled, now and then two or three below each other."""
        text, spans, _ = self._fill(dice)
        for _ in range(dice.choice([0, 0, 0, 1, 1, 2])):
            more, more_spans, _ = self._fill(dice)
            gap = dice.choice(["\n", "\n\n", " "])
            spans += [(start + len(text + gap), end + len(text + gap), label) for start, end, label in more_spans]
            text += gap + more
        return text, spans, "business"

    def _fill(self, dice: random.Random) -> Row:
        template = dice.choice(self._templates).replace("⏎", "\n").replace("\\t", "\t")
        story = _Story(self._names, dice)
        text = ""
        spans: list[tuple[int, int, str]] = []
        done = 0
        for slot in _SLOT.finditer(template):
            text += template[done : slot.start()]
            done = slot.end()
            for piece, label in story.pieces(slot[1], slot[2] or ""):
                if label is not None:
                    spans.append((len(text), len(text) + len(piece), label))
                text += piece
        return text + template[done:], spans, "business"


def read_templates(held_out: bool) -> list[str]:
    """The templates for training, or the tenth that is kept for tests."""
    lines = (Path(__file__).parent / "templates.txt").read_text(encoding="utf8").splitlines()
    lines = [line for line in lines if line and not line.startswith("# ")] + ["# {subject}⏎⏎## {thing}⏎⏎- {thing}⏎- {doc}⏎- {product}"]
    return [line for number, line in enumerate(lines) if (number % 10 == 7) == held_out]
