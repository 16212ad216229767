"""What the invented shops sell, by country and kind of shop (ISO 18245), in the country's minor units."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Good:
    """Something on a shelf: what it usually costs, a piece or (`unit`) a kilogram."""

    name: str
    price: int
    unit: str = ""


@dataclass(frozen=True)
class Shelf:
    """What one kind of shop sells, and its tax in tenths of a percent, contained in every price."""

    goods: tuple[Good, ...]
    tax: int


def _shelf(tax: int, listed: str) -> Shelf:
    """Goods written as `name price`, a star in front of the price of what is sold by weight."""
    return Shelf(tuple(_good(each.strip()) for each in listed.split(",")), tax)


def _good(text: str) -> Good:
    name, _, price = text.rpartition(" ")
    return Good(name, int(price.lstrip("*")), "kg" if price.startswith("*") else "")


_ITALY = {
    "5411": _shelf(
        40,
        "Pasta di semola 500 g 129, Pomodori ramati *298, Latte fresco 1 l 169, Mele Fuji *229,"
        " Olio extravergine 1 l 899, Parmigiano stagionato *2190, Caffè macinato 250 g 399,"
        " Zucchine *249, Yogurt bianco 189, Detersivo piatti 219, Uova medie 10 pz 349",
    ),
    "5462": _shelf(
        40, "Pane casereccio *420, Focaccia *990, Cornetto 130, Crostata di albicocche 890"
    ),
    "5812": _shelf(
        100,
        "Coperto 200, Acqua naturale 250, Tagliatelle al ragù 1200, Frittura mista 1600,"
        " Insalata verde 500, Tiramisù 600, Caffè 150, Vino della casa 1/2 l 700",
    ),
    "5912": _shelf(
        100, "Compresse per la gola 790, Crema mani 650, Cerotti 399, Termometro 1290, Garze 320"
    ),
    "5942": _shelf(
        40,
        "Romanzo tascabile 1200, Guida delle Dolomiti 1950, Libro illustrato 2400, Taccuino 890,"
        " Segnalibro in pelle 450",
    ),
    "5712": _shelf(
        220,
        "Lampada da tavolo 4990, Cuscino di lino 2490, Sedia in faggio 8900, Tappeto 160x230 17900,"
        " Candela di cera 1290, Mensola in rovere 6900, Tavolino 12900",
    ),
    "5651": _shelf(
        220,
        "Camicia di cotone 4900, Maglione di lana 7900, Calze 790, Cintura 2990, Pantaloni 5990,"
        " Sciarpa 2490",
    ),
    "5732": _shelf(
        220,
        "Cuffie senza fili 8990, Cavo USB-C 1290, Caricatore 2490, Tastiera 4990, Altoparlante 12900,"
        " Tablet 29900, Custodia 1990",
    ),
}
_BRITAIN = {
    "5411": _shelf(
        0,
        "Semi-skimmed milk 2 l 155, Wholemeal loaf 145, Vine tomatoes *270, Braeburn apples *220,"
        " Cheddar mature *890, Free range eggs 10 265, Tea bags 80 310, Porridge oats 1 kg 135,"
        " Salted butter 235, Carrots *75, Washing-up liquid 140",
    ),
    "5462": _shelf(0, "Sourdough loaf 420, Cinnamon bun 280, Cheese scone 220, Seeded roll 95"),
    "5812": _shelf(
        200, "Soup of the day 650, Pie and mash 1395, Side salad 420, Sticky toffee 695, Tea 260"
    ),
    "5912": _shelf(
        200, "Throat lozenges 420, Hand cream 550, Plasters 299, Thermometer 1099, Sun cream 850"
    ),
    "5942": _shelf(
        0,
        "Paperback novel 999, Walking guide to the moors 1499, Picture book 1299, Notebook 799,"
        " Greetings card 275",
    ),
    "5712": _shelf(
        200,
        "Table lamp 4500, Linen cushion 2200, Beech chair 8500, Wool rug 120x180 14900,"
        " Candle 1200, Oak shelf 5900, Side table 11900",
    ),
    "5941": _shelf(
        200,
        "Waterproof jacket 11900, Walking socks 1299, Map holder 950, Trail shoes 8900,"
        " Water bottle 1499, Head torch 2499",
    ),
    "5732": _shelf(
        200,
        "Wireless headphones 7999, USB-C cable 1199, Wall charger 1999, Keyboard 4499,"
        " Smart speaker 9900, Tablet 27900, Case 1699",
    ),
}
_SWITZERLAND = {
    "5411": _shelf(
        26,
        "Vollmilch 1 l 185, Ruchbrot 500 g 320, Rispentomaten *490, Äpfel Gala *420,"
        " Bergkäse *2650, Eier 6 Stück 495, Haferflocken 500 g 195, Kartoffeln *280,"
        " Butter 200 g 345, Abwaschmittel 390",
    ),
    "5462": _shelf(26, "Buttergipfel 150, Bauernbrot 480, Nusstorte 1650, Laugenbrezel 320"),
    "5812": _shelf(
        81, "Tagessuppe 950, Rösti mit Ei 2150, Gemischter Salat 1150, Apfelwähe 850, Kaffee 480"
    ),
    "5912": _shelf(81, "Halstabletten 1190, Handcreme 990, Pflaster 690, Thermometer 1990"),
    "5942": _shelf(
        26, "Taschenbuch 1690, Wanderführer Alpstein 2990, Bilderbuch 2490, Notizbuch 1450"
    ),
    "5712": _shelf(
        81,
        "Tischlampe 7900, Leinenkissen 3900, Stuhl in Buche 14900, Teppich 160x230 32900,"
        " Kerze 1900, Wandregal in Arve 9900, Beistelltisch 19900",
    ),
    "5944": _shelf(81, "Uhrenarmband 7900, Batteriewechsel 2900, Wanduhr 18900, Armbanduhr 48900"),
}
SHELVES = {"IT": _ITALY, "GB": _BRITAIN, "CH": _SWITZERLAND}

# For a shop that we have no shelf of: what a test or a person makes up.
ANYTHING = _shelf(0, "Item A 250, Item B 990, Item C 1990, Item D 4900, Item E 12900")

# Shops that also send what they sell.
SENT = frozenset({"5942", "5712", "5651", "5732", "5941", "5944"})


def shelf_of(country: str, category: str) -> Shelf | None:
    """What such a shop sells there; None where its receipts stay on paper."""
    return SHELVES.get(country, {}).get(category)
