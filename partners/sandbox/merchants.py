"""Invented shops, employers and billers, by country. None of them exists."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Merchant:
    """A shop: its name, what it sells (ISO 18245), where, and what a purchase costs (minor units)."""

    name: str
    category: str
    country: str
    least: int
    most: int


@dataclass(frozen=True)
class Neighbourhood:
    """Where a bank's customers spend and earn."""

    groceries: tuple[Merchant, ...]
    daily: tuple[Merchant, ...]
    shops: tuple[Merchant, ...]
    subscriptions: tuple[Merchant, ...]
    billers: tuple[tuple[str, int, int], ...]
    employers: tuple[str, ...]
    landlords: tuple[str, ...]
    salary: tuple[int, int]
    rent: tuple[int, int]


_ITALY = Neighbourhood(
    groceries=(
        Merchant("Mercato Oliveto", "5411", "IT", 1180, 9640),
        Merchant("Alimentari Sestilia", "5411", "IT", 620, 3890),
        Merchant("Bottega del Grano", "5462", "IT", 240, 1450),
    ),
    daily=(
        Merchant("Bar Lanterna", "5814", "IT", 130, 980),
        Merchant("Trattoria Due Pini", "5812", "IT", 1650, 7200),
        Merchant("Tramvia Civica", "4111", "IT", 150, 700),
        Merchant("Carburanti Vialeta", "5541", "IT", 2500, 8200),
        Merchant("Farmacia Salvia", "5912", "IT", 490, 4300),
    ),
    shops=(
        Merchant("Libreria Controvento", "5942", "IT", 890, 5600),
        Merchant("Casa Tegola", "5712", "IT", 2900, 34900),
        Merchant("Sartoria Ninfa", "5651", "IT", 1900, 18900),
        Merchant("Elettra Volta", "5732", "IT", 1990, 59900),
    ),
    subscriptions=(
        Merchant("Melopea Musica", "5815", "IT", 1099, 1099),
        Merchant("Cinescopio Plus", "4899", "IT", 1299, 1299),
        Merchant("Palestra Meridiana", "7997", "IT", 3900, 3900),
    ),
    billers=(
        ("Lumina Energia", 4200, 11800),
        ("Acque Civiche", 1900, 4100),
        ("Telefonia Rondine", 1490, 2990),
    ),
    employers=("Cooperativa Arcoluce", "Officine Brentana Srl", "Studio Vergata"),
    landlords=("Immobiliare Tiglio", "Condominio Via dei Gelsi 14"),
    salary=(152000, 298000),
    rent=(58000, 98000),
)
_BRITAIN = Neighbourhood(
    groceries=(
        Merchant("Hawthorn & Pike Foods", "5411", "GB", 980, 8420),
        Merchant("Corner Larder", "5411", "GB", 320, 2650),
        Merchant("Ashgrove Bakery", "5462", "GB", 210, 1240),
    ),
    daily=(
        Merchant("Kettle Lane Coffee", "5814", "GB", 260, 980),
        Merchant("The Copper Heron", "5813", "GB", 580, 4300),
        Merchant("Moorline Trains", "4112", "GB", 340, 6400),
        Merchant("Fellside Fuels", "5541", "GB", 2000, 7800),
        Merchant("Thistle Chemist", "5912", "GB", 350, 2900),
    ),
    shops=(
        Merchant("Wren & Daughter Books", "5942", "GB", 799, 4500),
        Merchant("Oakhurst Home", "5712", "GB", 1900, 32000),
        Merchant("Tarn Outdoor", "5941", "GB", 1500, 16500),
        Merchant("Voltway Electrics", "5732", "GB", 1499, 54900),
    ),
    subscriptions=(
        Merchant("Halcyon Radio", "5815", "GB", 1099, 1099),
        Merchant("Reelhouse", "4899", "GB", 999, 999),
        Merchant("Northgate Gym", "7997", "GB", 3200, 3200),
    ),
    billers=(
        ("Penhall Energy", 5400, 13200),
        ("Moorwater", 2100, 3900),
        ("Larkspur Mobile", 1200, 2600),
        ("Northmoor Borough Council", 11200, 15800),
    ),
    employers=("Bracken Instruments Ltd", "Moorside Trust", "Ferriby Print Works"),
    landlords=("Hollin Lettings", "J. Askwith Properties"),
    salary=(168000, 312000),
    rent=(62000, 108000),
)
_SWITZERLAND = Neighbourhood(
    groceries=(
        Merchant("Seemarkt Frisch", "5411", "CH", 1450, 11900),
        Merchant("Dorfladen Birke", "5411", "CH", 590, 3800),
        Merchant("Backstube Holunder", "5462", "CH", 320, 1850),
    ),
    daily=(
        Merchant("Rösterei Kolibri", "5814", "CH", 480, 1450),
        Merchant("Gasthof Murmel", "5812", "CH", 2400, 9800),
        Merchant("Talbahn Verkehr", "4111", "CH", 270, 3800),
        Merchant("Apotheke Enzian", "5912", "CH", 690, 5200),
    ),
    shops=(
        Merchant("Buchhandlung Federkiel", "5942", "CH", 1490, 7900),
        Merchant("Wohnwerk Arve", "5712", "CH", 3900, 58000),
        Merchant("Uhren Pendula", "5944", "CH", 9000, 89000),
    ),
    subscriptions=(
        Merchant("Alphorn Klang", "5815", "CH", 1290, 1290),
        Merchant("Lichtspiel Daheim", "4899", "CH", 1590, 1590),
    ),
    billers=(
        ("Stadtwerk Linth", 6900, 14800),
        ("Murmelfon", 2900, 5900),
        ("Krankenkasse Arnika", 28900, 42900),
    ),
    employers=("Lindauer Feinmechanik AG", "Stiftung Bergkristall", "Atelier Zwirn GmbH"),
    landlords=("Verwaltung Seeblick AG", "Genossenschaft Lindenhof"),
    salary=(420000, 780000),
    rent=(145000, 240000),
)
NEIGHBOURHOODS = {"IT": _ITALY, "GB": _BRITAIN, "CH": _SWITZERLAND}

# Bought on holiday, in the money of the place.
ABROAD: tuple[tuple[Merchant, str], ...] = (
    (Merchant("Casa da Azenha", "5812", "PT", 1400, 6800), "EUR"),
    (Merchant("Hotel Mirador del Faro", "7011", "ES", 8900, 31000), "EUR"),
    (Merchant("Harbour Street Bagels", "5814", "US", 650, 2400), "USD"),
    (Merchant("Fjällbod Design", "5712", "SE", 24900, 189000), "SEK"),
    (Merchant("The Lantern Rooms", "7011", "GB", 9800, 24000), "GBP"),
    (Merchant("Kawiarnia Bocian", "5814", "PL", 1800, 6400), "PLN"),
)

# What a thief buys: far away, at night, easy to sell on.
SUSPICIOUS: tuple[tuple[Merchant, str], ...] = (
    (Merchant("Noturno Eletrônicos 24h", "5732", "BR", 189000, 489000), "BRL"),
    (Merchant("Midnight Gift Codes", "5816", "US", 45000, 98000), "USD"),
    (Merchant("Night Bazaar Gold", "5944", "TH", 1890000, 4900000), "THB"),
)
