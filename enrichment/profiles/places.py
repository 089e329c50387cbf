"""Recognising places: "Bremen, Germany", "San Francisco, CA", "Remote"."""

from __future__ import annotations

import re

from enrichment.profiles.vocabulary import ORGANISATION_WORDS, fold, words

COUNTRIES = frozenset(
    """germany|deutschland|austria|osterreich|switzerland|schweiz|suisse|svizzera|france|frankreich|spain
    |espana|spanien|italy
|italia|italien|netherlands|nederland|the netherlands|niederlande|belgium|belgique|belgie|luxembourg
|poland|polska|polen|portugal
|united kingdom|uk|england|scotland|wales|northern ireland|ireland|usa|us|u.s.a.|united states
|united states of america|canada|mexico
|brazil|brasil|argentina|chile|colombia|peru|uruguay|ecuador|venezuela|costa rica|sweden|sverige|norway
|norge|denmark|danmark|finland
|iceland|estonia|latvia|lithuania|czech republic|czechia|slovakia|hungary|romania|bulgaria|greece|croatia
|serbia|slovenia|bosnia
|albania|north macedonia|montenegro|kosovo|moldova|ukraine|belarus|russia|turkey|turkiye|cyprus|malta
|israel|lebanon|jordan|egypt
|morocco|maroc|tunisia|algeria|nigeria|ghana|kenya|ethiopia|tanzania|uganda|rwanda|senegal|cameroon
|south africa|zimbabwe|india
|pakistan|bangladesh|sri lanka|nepal|china|taiwan|hong kong|japan|south korea|korea|vietnam|thailand
|malaysia|singapore|indonesia
|philippines|australia|new zealand|uae|united arab emirates|saudi arabia|qatar|kuwait|iran|iraq
|kazakhstan|georgia|armenia
|azerbaijan|uzbekistan|europe|worldwide""".replace("\n", "").split("|")
)
STATES = frozenset(
    words(
        """
    AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY
    NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC ON QC BC AB MB SK NS NB NSW VIC QLD ACT
    """
    )
)
REGIONS = frozenset(
    """california|texas|washington|new york|massachusetts|florida|illinois|ontario|quebec
    |british columbia|bavaria|bayern|hessen
|sachsen|niedersachsen|nordrhein-westfalen|baden-wurttemberg|catalonia|cataluna|lombardia|lombardy
|ile-de-france|bretagne|victoria
|new south wales|queensland""".replace("\n", "").split("|")
)
CITIES = frozenset(
    """berlin|hamburg|munchen|munich|koln|cologne|frankfurt|frankfurt am main|stuttgart|dusseldorf
    |leipzig|dortmund|essen|bremen
|dresden|hannover|hanover|nurnberg|nuremberg|karlsruhe|mannheim|aachen|bonn|munster|freiburg|heidelberg
|darmstadt|potsdam|wien|vienna
|graz|linz|salzburg|innsbruck|zurich|geneva|geneve|basel|bern|lausanne|lugano|paris|lyon|marseille
|toulouse|nice|nantes|strasbourg
|bordeaux|lille|rennes|grenoble|montpellier|madrid|barcelona|valencia|sevilla|seville|zaragoza|malaga
|bilbao|roma|rome|milano|milan
|torino|turin|napoli|naples|bologna|firenze|florence|genova|venezia|venice|verona|palermo|amsterdam
|rotterdam|den haag|the hague
|utrecht|eindhoven|groningen|delft|leiden|brussels|bruxelles|antwerp|antwerpen|gent|ghent|leuven|warszawa
|warsaw|krakow|wroclaw
|poznan|gdansk|lodz|katowice|lublin|lisbon|lisboa|porto|braga|coimbra|london|manchester|birmingham|leeds
|liverpool|bristol|cambridge
|oxford|edinburgh|glasgow|cardiff|belfast|dublin|cork|galway|copenhagen|kobenhavn|aarhus|stockholm
|gothenburg|goteborg|malmo|oslo
|bergen|helsinki|espoo|tampere|reykjavik|tallinn|riga|vilnius|prague|praha|brno|bratislava|budapest
|bucharest|cluj-napoca|sofia|athens
|thessaloniki|zagreb|belgrade|ljubljana|kyiv|kiev|lviv|kharkiv|minsk|moscow|saint petersburg|istanbul
|ankara|izmir|tel aviv|jerusalem
|cairo|casablanca|tunis|lagos|abuja|accra|nairobi|addis ababa|johannesburg|cape town|pretoria|durban
|mumbai|delhi|new delhi
|bangalore|bengaluru|hyderabad|chennai|pune|kolkata|ahmedabad|karachi|lahore|islamabad|dhaka|colombo
|kathmandu|beijing|shanghai
|shenzhen|guangzhou|hangzhou|hong kong|taipei|tokyo|osaka|kyoto|seoul|busan|singapore|kuala lumpur
|jakarta|bangkok|hanoi
|ho chi minh city|manila|sydney|melbourne|brisbane|perth|adelaide|canberra|auckland|wellington|dubai
|abu dhabi|doha|riyadh|new york
|new york city|los angeles|chicago|houston|phoenix|philadelphia|san antonio|san diego|dallas|san jose
|austin|san francisco|seattle
|denver|boston|washington|nashville|detroit|portland|las vegas|baltimore|atlanta|miami|minneapolis
|oakland|palo alto|mountain view
|menlo park|sunnyvale|cupertino|santa clara|redmond|redwood city|pittsburgh|salt lake city|raleigh
|princeton|toronto|montreal
|vancouver|ottawa|calgary|edmonton|waterloo|mexico city|guadalajara|monterrey|bogota|medellin|lima
|santiago|buenos aires|montevideo
|sao paulo|rio de janeiro|brasilia|belo horizonte|curitiba|porto alegre
|recife""".replace("\n", "").split("|")
)
REMOTE = frozenset({"remote", "hybrid", "homeoffice", "home office", "teletravail", "remoto"})
WORD = r"[^\W\d_][\w'’.-]*"
PLACE = re.compile(rf"({WORD}(?:[ ]{WORD}){{0,3}}),\s*({WORD}(?:[ ]{WORD}){{0,3}})")


def is_place(text: str) -> bool:
    """Say whether all of `text` is a place: a city, a country, "city, state", "city, country" or "Remote"."""
    parts = [part.strip(" .()") for part in text.split(",")]
    folded = [fold(part) for part in parts]
    if not all(parts) or len(parts) > 4 or any(len(part.split()) > 4 for part in parts):
        return False
    if len(parts) == 1:
        return folded[0] in CITIES or folded[0] in COUNTRIES or folded[0] in REMOTE
    if any(":" in part or any(sign.isdigit() for sign in part) for part in parts):
        return False
    if any(word.strip(".") in ORGANISATION_WORDS for part in folded for word in part.split()):
        return False
    # "Paris, Île-de-France, France" and "Smalltown, Texas, USA", but not "Danone, Paris, France".
    if len(parts) > 2 and not (folded[0] in CITIES or folded[1] in REGIONS or parts[1] in STATES):
        return False
    return (
        parts[-1] in STATES
        or folded[-1] in COUNTRIES
        or folded[-1] in REGIONS
        or all(one in CITIES for one in folded)
    )


def find_place(text: str) -> str | None:
    """Return the first "city, country" or "city, state" within `text`, else None.

    Where other words run into the city ("Employee Bremen, Germany": two columns read as one line), the
    longest run of words that is a known city wins, then the last word alone.
    """
    match = PLACE.search(text)
    while match:
        before, rest = match[1].split(), match[2].split()
        for length in range(len(rest), 0, -1):
            tail = " ".join(rest[:length])
            if tail in STATES or fold(tail) in COUNTRIES or fold(tail) in REGIONS:
                return f"{_city(before, match.start() == 0)}, {tail}"
        # What followed this comma may stand before the next one.
        match = PLACE.search(text, match.start(2))
    return None


def _city(words: list[str], whole: bool) -> str:
    for start in range(len(words)):
        if fold(" ".join(words[start:])) in CITIES:
            return " ".join(words[start:])
    return " ".join(words) if whole and len(words) <= 3 else words[-1]


def trailing_city(text: str) -> tuple[str, str] | None:
    """Split "We4IT GmbH Bremen" into ("We4IT GmbH", "Bremen"); None without a known city."""
    words = text.split()
    for length in (3, 2, 1):
        if 0 < length < len(words) and fold(" ".join(words[-length:])) in CITIES:
            before = words[-length - 1].casefold().strip(".,")
            # "University of Bremen", "Bank of New York": there the city belongs to the name.
            if before not in {
                "of",
                "de",
                "di",
                "da",
                "von",
                "zu",
                "the",
                "der",
                "at",
                "in",
                "du",
                "für",
                "van",
            }:
                return " ".join(words[:-length]), " ".join(words[-length:])
    return None
