"""The system accounts of the base as text: its build argument ``CODEOPEN_ACCOUNTS``.

One line an account: kind, name, id and home, tab-separated; ``-`` stands for no home. Ordered as in the catalog.
"""

from __future__ import annotations

from collections.abc import Iterable

from codeopen.model.catalog.model import Account


def render_accounts(accounts: Iterable[Account]) -> str:
    """The text for the base's accounts, without a newline at the end."""
    return "\n".join(
        "\t".join((account.kind, account.name, str(account.id), account.home or "-")) for account in accounts
    )
