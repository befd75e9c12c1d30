"""Prices as people read them."""

from __future__ import annotations


def price_a_month(cents: int) -> str:
    """As ``$10.00 a month``."""
    dollars, rest = divmod(cents, 100)
    return f"${dollars}.{rest:02} a month"


def signed_price(cents: int) -> str:
    """A difference, as ``+$15.00 a month`` or ``-$15.00 a month``."""
    return f"{'-' if cents < 0 else '+'}{price_a_month(abs(cents))}"
