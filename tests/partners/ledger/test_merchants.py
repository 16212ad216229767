"""What of a card's line is the shop, by examples that we made up."""

import pytest

from partners.ledger.merchants import clean_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        # How it was paid.
        ("POS 4411 FARMACIA SALVIA", "Farmacia Salvia"),
        ("CARD PAYMENT TO BOTTEGA VERDE ON 03-11", "Bottega Verde"),
        ("Contactless payment at Kettle Lane Coffee", "Kettle Lane Coffee"),
        ("COMPRA TARJETA EN EL RINCON 12345", "El Rincon"),
        ("PAGAMENTO POS PRESSO BAR LANTERNA", "Bar Lanterna"),
        ("KARTENZAHLUNG DORFLADEN BIRKE", "Dorfladen Birke"),
        ("POSSESSION RECORDS", "Possession Records"),
        ("CARD FACTORY OUTLET", "Card Factory Outlet"),
        # By way of whom.
        ("SQ *KETTLE LANE COFFEE 0042", "Kettle Lane Coffee"),
        ("PAYPAL *LAMPHOUSE", "Lamphouse"),
        ("paypal lamphouse", "Lamphouse"),
        ("SumUp  *Bar Lanterna", "Bar Lanterna"),
        ("PAYPAL", "Paypal"),
        ("PAYPAL PAYMENT", "Paypal Payment"),
        ("TALLY RIDES *TRIP", "Tally Rides Trip"),
        ("LAMPHOUSE MKTP*2A3B44", "Lamphouse MKTP"),
        # Numbers.
        ("HAWTHORN STORES 3217", "Hawthorn Stores"),
        ("CORNER LARDER STORE 12", "Corner Larder Store"),
        ("CORNER LARDER REF 9", "Corner Larder"),
        ("CORNER LARDER CARD ENDING 1234", "Corner Larder"),
        ("CORNER LARDER #7", "Corner Larder"),
        ("LAMPADS  2AUJ3BEP92", "Lampads"),
        ("TARN OUTDOOR-21455", "Tarn Outdoor"),
        ("VOLTWAY +44 20-7946-000", "Voltway"),
        ("STUDIO 54", "Studio 54"),
        ("PARKING 1VR", "Parking 1VR"),
        ("9-TILL-LATE 33421", "9-Till-Late"),
        ("NORTHFIELD TERMINAL 5", "Northfield Terminal 5"),
        # Days.
        ("03/11 14:22 CORNER LARDER", "Corner Larder"),
        ("CORNER LARDER 12 NOV 2026", "Corner Larder"),
        ("CORNER LARDER ON 2026-11-03 09:12", "Corner Larder"),
        ("GAME ON", "Game On"),
        # The place, where columns tell it apart; else it stays.
        ("MOORLINE TRAINS        LEEDS        GBR", "Moorline Trains"),
        ("SEEMARKT FRISCH//LUZERN/CH", "Seemarkt Frisch"),
        ("BOTTEGA VERDE MALMO", "Bottega Verde Malmo"),
        # Shouting and whispering; mixed case is somebody's choice.
        ("O'NEILL & SONS LTD", "O'Neill & Sons Ltd"),
        ("CAFE DEL MAR", "Cafe del Mar"),
        ("tarn outdoor limited", "Tarn Outdoor Limited"),
        ("H&B FUELS", "H&B Fuels"),
        ("WWW.LAMP-HOUSE.CO.UK/BILL", "lamp-house.co.uk"),
        ("iLamp Store", "iLamp Store"),
        # Other scripts; and what is no name stays as it is.
        ("ΚΑΦΕ ΟΔΟΣ 1234", "Καφε Οδος"),
        ("ЧАЙНЫЙ ДВОРИК №7", "Чайный Дворик №7"),
        ("三省堂書店 1234", "三省堂書店"),
        ("***", "***"),
        ("0042", "0042"),
        ("", ""),
    ],
)
def test_the_name_is_what_tells_the_shop(text: str, name: str) -> None:
    assert clean_name(text) == name


def test_the_country_that_the_bank_gives_is_no_part_of_the_name() -> None:
    assert clean_name("HAWTHORN & PIKE FOODS GB", "GB") == "Hawthorn & Pike Foods"
    assert clean_name("BAR LANTERNA ITA", "IT") == "Bar Lanterna"
    assert clean_name("BAR LANTERNA  ROMA  IT", "IT") == "Bar Lanterna Roma"
    assert clean_name("BAR LANTERNA ITA") == "Bar Lanterna Ita"
    assert clean_name("Lamp It", "IT") == "Lamp It"


def test_a_long_line_is_read_in_no_time_whatever_it_repeats() -> None:
    for piece in ("A1-", "card ", "1 ", "*", "x" * 9 + "1", "a.", "  A", "//", "PAYPAL *"):
        assert clean_name(piece * 350 + "!")
