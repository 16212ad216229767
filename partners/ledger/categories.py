"""What kind of thing a merchant sells, in a few plain words, from the merchant category code (MCC) alone.

Which codes there are is said by ISO 18245 and the card schemes' lists, as the package `iso18245` has them; the
ranges here are ours, laid over those codes. Where a bank gives no code, or one that no list has, nothing is said:
a category is never guessed from a name.
"""

from bisect import bisect_right
from functools import lru_cache

import iso18245
from django.db import models
from django.utils.translation import gettext_lazy as _


class Category(models.TextChoices):
    GROCERIES = "groceries", _("Groceries")
    EATING_OUT = "eating_out", _("Eating and drinking out")
    TRANSPORT = "transport", _("Getting around")
    CAR = "car", _("Car and fuel")
    TRAVEL = "travel", _("Travel and stays")
    CLOTHING = "clothing", _("Clothes and shoes")
    HOME = "home", _("Home and garden")
    SHOPPING = "shopping", _("Shopping")
    HEALTH = "health", _("Health")
    CARE = "care", _("Beauty and care")
    LEISURE = "leisure", _("Leisure")
    GAMBLING = "gambling", _("Betting and lotteries")
    EDUCATION = "education", _("Education and childcare")
    BILLS = "bills", _("Phone, energy and other bills")
    SERVICES = "services", _("Services")
    FINANCE = "finance", _("Money and insurance")
    CASH = "cash", _("Cash")
    PUBLIC = "public", _("Taxes, fines and offices")
    COMMUNITY = "community", _("Clubs and donations")


# From this code on, up to the next line. Where ISO 18245 has one range for many trades (5700 to 5999), single codes
# are told apart. Codes of one airline, car rental or hotel (3000 to 3999) are the schemes' own.
_FROM: tuple[tuple[int, Category], ...] = (
    (700, Category.SERVICES),
    (742, Category.HEALTH),
    (743, Category.GROCERIES),
    (763, Category.SERVICES),
    (780, Category.HOME),
    (800, Category.SERVICES),
    (1500, Category.HOME),
    (1800, Category.SERVICES),
    (3000, Category.TRAVEL),
    (3351, Category.CAR),
    (3501, Category.TRAVEL),
    (4000, Category.TRANSPORT),
    (4119, Category.HEALTH),
    (4120, Category.TRANSPORT),
    (4214, Category.SERVICES),
    (4300, Category.TRAVEL),
    (4582, Category.TRAVEL),
    (4784, Category.CAR),
    (4789, Category.TRANSPORT),
    (4800, Category.BILLS),
    (4829, Category.FINANCE),
    (4830, Category.BILLS),
    (5000, Category.SHOPPING),
    (5013, Category.CAR),
    (5014, Category.SHOPPING),
    (5021, Category.HOME),
    (5040, Category.SHOPPING),
    (5047, Category.HEALTH),
    (5048, Category.SHOPPING),
    (5072, Category.HOME),
    (5075, Category.SHOPPING),
    (5122, Category.HEALTH),
    (5123, Category.SHOPPING),
    (5137, Category.CLOTHING),
    (5140, Category.SHOPPING),
    (5172, Category.CAR),
    (5173, Category.SHOPPING),
    (5193, Category.HOME),
    (5199, Category.SHOPPING),
    (5200, Category.HOME),
    (5262, Category.SHOPPING),
    (5271, Category.HOME),
    (5300, Category.SHOPPING),
    (5411, Category.GROCERIES),
    (5500, Category.CAR),
    (5600, Category.CLOTHING),
    (5700, Category.HOME),
    (5715, Category.GROCERIES),
    (5716, Category.HOME),
    (5732, Category.SHOPPING),
    (5811, Category.EATING_OUT),
    (5815, Category.LEISURE),
    (5819, Category.SHOPPING),
    (5912, Category.HEALTH),
    (5921, Category.GROCERIES),
    (5922, Category.SHOPPING),
    (5960, Category.FINANCE),
    (5961, Category.SHOPPING),
    (5962, Category.TRAVEL),
    (5963, Category.SHOPPING),
    (5975, Category.HEALTH),
    (5977, Category.CARE),
    (5978, Category.SHOPPING),
    (5983, Category.BILLS),
    (5984, Category.SHOPPING),
    (5992, Category.HOME),
    (5993, Category.SHOPPING),
    (5996, Category.HOME),
    (5997, Category.SHOPPING),
    (6010, Category.CASH),
    (6012, Category.FINANCE),
    (6513, Category.HOME),
    (6514, Category.FINANCE),
    (7011, Category.TRAVEL),
    (7013, Category.HOME),
    (7014, Category.TRAVEL),
    (7200, Category.SERVICES),
    (7230, Category.CARE),
    (7231, Category.SERVICES),
    (7280, Category.HEALTH),
    (7281, Category.SERVICES),
    (7297, Category.CARE),
    (7299, Category.SERVICES),
    (7511, Category.CAR),
    (7600, Category.SERVICES),
    (7800, Category.GAMBLING),
    (7803, Category.LEISURE),
    (7995, Category.GAMBLING),
    (7996, Category.LEISURE),
    (8000, Category.HEALTH),
    (8111, Category.SERVICES),
    (8200, Category.EDUCATION),
    (8398, Category.COMMUNITY),
    (8675, Category.CAR),
    (8676, Category.COMMUNITY),
    (8700, Category.SERVICES),
    (9200, Category.PUBLIC),
    (9406, Category.GAMBLING),
    (9407, Category.PUBLIC),
    (9700, Category.SERVICES),
)
_BEGINNINGS = tuple(begins for begins, _category in _FROM)


@lru_cache(maxsize=10_000)
def category_of(code: str) -> Category | None:
    """The category of a merchant category code, four digits; None where no list has the code."""
    try:
        iso18245.get_mcc(code)
    except (iso18245.MCCNotFound, iso18245.InvalidMCC, ValueError):
        return None
    place = bisect_right(_BEGINNINGS, int(code)) - 1
    return _FROM[place][1] if place >= 0 else None
