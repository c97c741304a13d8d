"""Names of people, places and organisations to write business text with. Sources and licences: README.md."""
import csv
import json
import random
import zlib
from pathlib import Path

from known_names import BODIES, CHAINS, COUNTRIES, EATERIES, FIRMS, FOREIGN_FIRMS, HOTELS, SHOPS, SITES, STATES, TRADES

_REGIONS = """Bavaria|Saxony|Hesse|Brandenburg|Catalonia|Andalusia|Galicia|Lombardy|Tuscany|Sicily|Piedmont|Brittany|Normandy|Provence|Alsace|
Flanders|Wallonia|Skåne|Jutland|Silesia|Transylvania|Crimea|Kent|Essex|Cornwall|Yorkshire|Devon|Ulster|Ontario|Quebec|Alberta|British Columbia|
Texas|California|Nevada|Ohio|Florida|Oregon|Michigan|Virginia|Georgia|New York|New Jersey|North Carolina|South Dakota|Massachusetts|Tamil Nadu|
Kerala|Punjab|Queensland|New South Wales|Victoria|Patagonia|Siberia|the Midwest|the Balkans|the Middle East|Scandinavia|Europe|Asia|Africa|
Latin America|North America|the Alps|the Rhine|the Danube|Lake Constance|the Baltic Sea|Silicon Valley|Manhattan|Brooklyn|Shoreditch|Kreuzberg|
Montmartre|La Défense|Canary Wharf|Soho|Heathrow|Schiphol|Gare du Nord|Central Park|Alexanderplatz|Wall Street|Times Square|White House|Capitol Hill|Downing Street|Oval Office|West Bank|Gaza|Gaza Strip|Golan Heights|Sinai|Kashmir|Kurdistan|
Chechnya|Tibet|Darfur|Persian Gulf|Gulf of Mexico|Mediterranean|Black Sea|Pacific|Atlantic|East Coast|West Coast|Deep South|Bay Area|Hollywood|Las Vegas|Niagara Falls|Grand Canyon|Mars""".replace("\n", "").split("|")
_KNOWN_ORGS = """Microsoft|Google|Amazon|Apple|Siemens|Bosch|Volkswagen|Deutsche Bank|Deutsche Post|Lufthansa|Airbus|BNP Paribas|Santander|ING|
Philips|Shell|BP|HSBC|Barclays|Lloyds|Vodafone|Telefónica|IKEA|Ericsson|Volvo|Nokia|Maersk|Novo Nordisk|Nestlé|Roche|Novartis|UBS|Credit Suisse|
Toyota|Sony|Samsung|LG|Huawei|Alibaba|Tencent|Infosys|Tata|Reliance|Walmart|Target|Costco|FedEx|UPS|DHL|Boeing|Lockheed Martin|IBM|Oracle|SAP|
Salesforce|Netflix|Meta|Facebook|Twitter|LinkedIn|Uber|Airbnb|Stripe|PayPal|Visa|Mastercard|Deloitte|PwC|KPMG|EY|McKinsey|Accenture|Goldman Sachs|
JPMorgan Chase|Morgan Stanley|Allianz|AXA|Generali|Zurich Insurance|the European Commission|the European Central Bank|the IMF|the World Bank|
the United Nations|UNICEF|the Red Cross|Greenpeace|the IRS|HMRC|the FBI|NASA|the FDA|the Home Office|the Bundestag|the Senate|Congress|the Supreme Court|
the Ministry of Finance|the Department of Labor|the Finanzamt|AOK|Techniker Krankenkasse|NHS|Harvard|MIT|Oxford University|Stanford University|
TU Delft|ETH Zurich|Sorbonne|Manchester United|Real Madrid|Bayern Munich|the New York Times|BBC|CNN|Reuters|Bloomberg|Der Spiegel|Le Monde|
Starbucks|McDonald's|Burger King|Nike|Adidas|Puma|H&M|Zara|Ryanair|easyJet|Delta|KLM|Hilton|Marriott|Ibis|Enron|Shell|Exxon|Chevron|GitHub|GitLab|
Red Hat|Mozilla|Wikipedia|OpenAI|Anthropic|DeepMind|SpaceX|Tesla|Ford|BMW|Audi|Renault|Peugeot|Fiat|Ferrari|Pfizer|Moderna|Bayer|BASF|Henkel""".replace("\n", "").split("|")
_BRAND_FIRST = """Blue Red Green Silver Golden North South East West Bright Clear True Swift Iron Stone River Ocean Sky Cloud Star Sun Moon Alpine Nordic
Baltic Atlantic Pacific Global United First Prime Apex Summit Vertex Nova Orion Delta Omega Quantum Vector Helix Vela Lumen Terra Aqua Solar Polar
Urban Metro Royal Crown Anchor Harbour Bridge Forest Meadow Willow Cedar Maple Birch Falcon Eagle Lion Wolf Fox Raven Heron Copper Amber Crystal
Pioneer Horizon Beacon Compass Meridian Zenith Keystone Cornerstone Evergreen Riverside Lakeside Hillside Northgate Eastwood Kingsway""".split()
_BRAND_SECOND = """Logistics Systems Solutions Partners Consulting Holdings Group Capital Industries Media Energy Foods Health Pharma Labs Analytics
Software Networks Robotics Textiles Motors Airlines Shipping Insurance Bank Realty Properties Ventures Studios Design Legal Accounting Staffing
Recruiting Catering Hotels Travel Events Print Packaging Optics Instruments Diagnostics Therapeutics Biotech Chemicals Metals Timber Builders
Construction Plumbing Electric Security Telecom Mobile Games Fitness Education Learning Academy Foundation Trust Cooperative""".split()
_PARTICLES = ["de ", "van ", "van der ", "von ", "de la ", "di ", "da ", "dos ", "al-", "El ", "bin ", "Mc", "O’", "O'", "Le ", "ter "]
_SYLLABLES = "ac al an ar bel bor cal cor da del do el en er fi fo ga gen ha in io ka lex li lo lu ma mer mi mo na neo no nu or pa pi qua ra re ro sa sen so sy ta tel ti tor tri va ve vi vo xe za zen".split()


def _held_out(word: str) -> bool:
    """A twelfth of the surnames never appears in training, so that a test on them says something."""
    return zlib.crc32(word.encode()) % 12 == 0


class Gazetteers:
    """Draws names. `held_out` draws only surnames that training never sees."""

    def __init__(self, folder: Path, held_out: bool = False) -> None:
        locales = json.loads((folder / "faker_names_by_locale.json").read_text(encoding="utf8"))
        self._first: dict[str, list[str]] = {}
        self._last: dict[str, list[str]] = {}
        for locale, names in locales.items():
            last = [name for name in names["last"] if _held_out(name) == held_out]
            if names["first"] and last:
                self._first[locale], self._last[locale] = names["first"], last
        popular = json.loads((folder / "popular_names_by_country_cc0.json").read_text(encoding="utf8"))
        for country, names in popular.items():
            last = [name for name in names["last"] if _held_out(name) == held_out]
            if len(names["first"]) > 4 and len(last) > 4:
                self._first[country], self._last[country] = names["first"], last
        self._locales = list(self._first)
        census = [line.split("\t") for line in (folder / "us_census_last.tsv").read_text().splitlines()]
        self._us_last = [name for name, _ in census if _held_out(name) == held_out]
        self._us_first = [
            line.split("\t")[0]
            for file in ("us_census_female_first.tsv", "us_census_male_first.tsv")
            for line in (folder / file).read_text().splitlines()
        ]
        with (folder / "world_cities_geonames.tsv").open(encoding="utf8", newline="") as file:
            self._cities = [row[0] for row in csv.reader(file, delimiter="\t") if len(row) > 2 and len(row[0]) > 2]
        patterns = json.loads((folder / "faker_company_address_patterns.json").read_text(encoding="utf8"))
        self._suffixes = sorted({s for p in patterns.values() for s in p.get("company.company_suffixes", []) if s.isascii() or "é" in s})
        self._streets = patterns["en_US"]["address.street_suffixes"]

    def name_parts(self, dice: random.Random) -> tuple[str, str]:
        """A first and a last name of one culture."""
        roll = dice.random()
        if roll < 0.22:
            # Frequent names more often than rare ones.
            return (
                self._us_first[int(len(self._us_first) * dice.random() ** 2)],
                self._us_last[int(len(self._us_last) * dice.random() ** 2)],
            )
        if roll < 0.32:
            locale = dice.choice([name for name in self._locales if name.startswith("en")])
        else:
            locale = dice.choice(self._locales)
        first, last = dice.choice(self._first[locale]), dice.choice(self._last[locale])
        if dice.random() < 0.04:
            first = f"{first}-{dice.choice(self._first[locale])}"
        if dice.random() < 0.06:
            last = f"{last}{dice.choice('- ')}{dice.choice(self._last[locale])}"
        elif dice.random() < 0.05:
            last = dice.choice(_PARTICLES) + last
        return first, last

    def person_like(self, value: str, dice: random.Random) -> str:
        """A name with as many parts and in the same case as the given one."""
        first, last = self.name_parts(dice)
        parts = value.split()
        name = f"{first} {last}" if len(parts) > 1 else (first if dice.random() < 0.55 else last)
        if value.isupper() and len(value) > 2:
            return name.upper()
        return name.lower() if value.islower() else name

    def city(self, dice: random.Random) -> str:
        """A city."""
        return dice.choice(self._cities)

    def country(self, dice: random.Random) -> str:
        """A country."""
        return dice.choice(COUNTRIES)

    def place(self, dice: random.Random) -> str:
        """A city, a country, a region or a known site; without article."""
        roll = dice.random()
        if roll < 0.5:
            return self.city(dice)
        return self.country(dice) if roll < 0.8 else dice.choice(_REGIONS).removeprefix("the ")

    def organisation(self, dice: random.Random) -> str:
        """A company or institution; without article."""
        roll = dice.random()
        last = self.name_parts(dice)[1]
        if roll < 0.26:
            return dice.choice(dice.choice([_KNOWN_ORGS, FIRMS])).removeprefix("the ")
        if roll < 0.31:
            return dice.choice(FOREIGN_FIRMS).format(last if dice.random() < 0.7 else self.city(dice))
        if roll < 0.38:
            return f"{last} {dice.choice(self._suffixes)}"
        if roll < 0.44:
            return f"{last}{dice.choice([' & ', ' and ', '-', ', '])}{self.name_parts(dice)[1]}{dice.choice(['', '', ' LLP', ' Ltd', ' Inc.', ' & Partners', ' Associates'])}"
        if roll < 0.50:
            return f"{last} {dice.choice(_BRAND_SECOND)}"
        if roll < 0.72:
            name = f"{dice.choice(_BRAND_FIRST)} {dice.choice(_BRAND_SECOND)}"
            return f"{name} {dice.choice(self._suffixes)}" if dice.random() < 0.35 else name
        if roll < 0.86:
            word = "".join(dice.choice(_SYLLABLES) for _ in range(dice.randint(2, 4))).capitalize()
            return dice.choice([word, f"{word} {dice.choice(_BRAND_SECOND)}", f"{word} {dice.choice(self._suffixes)}", f"{word}.io", word.upper()])
        if roll < 0.985:
            city = self.city(dice)
            return dice.choice([
                f"University of {city}", f"{city} University", f"{city} General Hospital", f"Bank of {city}", f"{city} City Council", f"{city} FC",
                f"Sparkasse {city}", f"Stadtwerke {city}", f"{city} Chamber of Commerce", f"{city} Airport Authority", f"Port of {city}",
                f"{city} School District", f"{city} Police Department", f"Hotel {city}", f"Universität {city}", f"Université de {city}",
            ])
        return "".join(dice.choice("ABCDEFGHIKLMNOPRSTUVWZ") for _ in range(dice.randint(3, 4)))

    def body(self, dice: random.Random) -> str:
        """An authority, party, paper, team or group; without article."""
        return dice.choice(BODIES)

    def trade(self, dice: random.Random) -> str:
        """A local firm by its trade."""
        last = self.name_parts(dice)[1]
        return dice.choice([f"{last}'s {{}}", f"{last} {{}}", f"{dice.choice(_BRAND_FIRST)} {{}}", f"{self.city(dice)} {{}}", f"{last} & Sons {{}}", f"A{dice.randint(1, 9)} {{}}"]).format(dice.choice(TRADES))

    def spot(self, dice: random.Random) -> str:
        """A place to eat, to sleep or to shop."""
        roll = dice.random()
        if roll < 0.3:
            chain = dice.choice(CHAINS)
            return dice.choice([chain, chain, chain.replace("'", ""), chain.replace("'", " ")])
        if roll < 0.38:
            return dice.choice(SHOPS)
        first, last = self.name_parts(dice)
        kind = dice.choice(EATERIES if roll < 0.78 else HOTELS)
        return dice.choice([f"{first}'s {kind}", f"{last}'s {kind}", f"{first}'s", f"{last} {kind}", f"{dice.choice(_BRAND_FIRST)} {kind}", f"{self.city(dice)} {kind}", f"{dice.choice(_BRAND_FIRST)} {dice.choice(_BRAND_FIRST)} {kind}", f"{kind} {last}" if kind in ("Hotel", "Cafe", "Restaurant", "Villas") else f"{last}'s {kind}"])

    def site(self, dice: random.Random) -> str:
        """A park, a museum, a bridge, a lake; without article."""
        last, kind = self.name_parts(dice)[1], dice.choice(SITES)
        return dice.choice([f"{last} {kind}", f"{self.city(dice)} {kind}", f"{dice.choice(_BRAND_FIRST)} {kind}", f"{dice.choice(['Lake', 'Mount', 'Fort', 'Camp', 'Port', 'St.', 'Cape'])} {last}"])

    def state(self, dice: random.Random) -> str:
        """A state or province, or its abbreviation."""
        return dice.choice(STATES)

    def street_address(self, dice: random.Random) -> str:
        """Street and number in one of several countries' forms."""
        last = self.name_parts(dice)[1].split(" ")[-1]
        number = dice.randint(1, 250)
        letter = dice.choice(["", "", "", "a", "b", "B", " c"])
        return dice.choice([
            f"{dice.randint(1, 9999)} {last} {dice.choice(self._streets)}",
            f"{dice.randint(1, 9999)} {dice.choice(_BRAND_FIRST)} {dice.choice(['Street', 'St', 'St.', 'Avenue', 'Ave', 'Ave.', 'Road', 'Rd', 'Lane', 'Ln', 'Drive', 'Dr', 'Blvd', 'Court', 'Way', 'Place'])}",
            f"{number}{letter} {dice.choice(_BRAND_FIRST)} {dice.choice(['Road', 'Lane', 'Close', 'Gardens', 'Terrace', 'High Street', 'Crescent'])}",
            f"{last}{dice.choice(['straße', 'str.', 'strasse', 'weg', 'allee', 'gasse', 'platz'])} {number}{letter}",
            f"{dice.choice(['Am', 'An der', 'Im', 'Zum'])} {dice.choice(['Markt', 'Mühlbach', 'Alten Hof', 'Stadtpark', 'Kirchplatz', 'Bahnhof'])} {number}",
            f"{number}{dice.choice([',', ''])} {dice.choice(['rue', 'avenue', 'boulevard', 'chemin', 'place', 'allée'])} {dice.choice(['', 'de ', 'du ', 'des '])}{last}",
            f"{dice.choice(['Calle', 'C/', 'Avenida', 'Plaza', 'Carrer', 'Paseo'])} {last}{dice.choice([',', ''])} {number}",
            f"{dice.choice(['Via', 'Viale', 'Piazza', 'Corso'])} {last}{dice.choice([',', ''])} {number}",
            f"{last}{dice.choice(['straat', 'laan', 'weg', 'plein', 'gracht', 'kade'])} {number}{dice.choice(['', '-2', ' bis', 'A'])}",
            f"ul. {last} {number}{dice.choice(['', '/4', '/12', ' m. 7'])}",
            f"{last}{dice.choice(['gatan', 'vägen', 'gata', 'vej', 'gade', 'veien', 'katu'])} {number}{letter}",
            f"{dice.choice(['Rua', 'Avenida', 'Travessa'])} {last}, {number}",
            f"Flat {dice.randint(1, 40)}, {number} {dice.choice(_BRAND_FIRST)} {dice.choice(['House', 'Court', 'Road'])}",
            f"P.O. Box {dice.randint(10, 9999)}",
            f"Plot {dice.randint(1, 90)}, {last} {dice.choice(['Nagar', 'Road', 'Layout', 'Estate'])}",
        ])

    def postcode(self, dice: random.Random) -> str:
        """A postcode of one of several countries' forms."""
        letters = "ABCDEFGHJKLMNPRSTUWXYZ"
        pick = dice.choice
        return pick([
            f"{dice.randint(10000, 99999)}", f"{dice.randint(1000, 9999)}", f"{pick(letters)}{pick(letters)}{dice.randint(1, 9)} {dice.randint(1, 9)}{pick(letters)}{pick(letters)}",
            f"{dice.randint(1000, 9999)} {pick(letters)}{pick(letters)}", f"{dice.randint(10, 99)}-{dice.randint(100, 999)}", f"{pick(letters)}{dice.randint(1, 9)}{pick(letters)} {dice.randint(1, 9)}{pick(letters)}{dice.randint(1, 9)}",
            f"{dice.randint(100, 999)} {dice.randint(10, 99)}", f"{pick(['D', 'A', 'CH', 'F', 'SE'])}-{dice.randint(1000, 99999)}", f"{pick(['IL', 'TX', 'CA', 'NY', 'FL', 'WA', 'OH', 'MA'])} {dice.randint(10000, 99999)}",
        ])

    def address(self, dice: random.Random, separator: str) -> str:
        """A postal address on one or several lines."""
        street, code, city = self.street_address(dice), self.postcode(dice), self.city(dice)
        town = dice.choice([f"{code} {city}", f"{city} {code}", f"{city}, {code}", city])
        country = f"{separator}{self.country(dice)}" if dice.random() < 0.25 else ""
        flat = f"{separator}{dice.choice(['Apt', 'Suite', 'Unit', 'Floor', 'Apt.'])} {dice.randint(1, 40)}{dice.choice(['', 'B', ''])}" if dice.random() < 0.12 else ""
        return f"{street}{flat}{separator}{town}{country}"
