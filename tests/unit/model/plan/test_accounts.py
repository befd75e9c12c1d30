from __future__ import annotations

from codeopen.model.catalog.model import Account, AccountKind
from codeopen.model.plan.accounts import render_accounts


def test_one_line_an_account_in_the_catalogs_order() -> None:
    accounts = (
        Account("redis", AccountKind.USER, 990, "/var/lib/redis", ""),
        Account("rdma", AccountKind.GROUP, 991, "", ""),
    )
    assert render_accounts(accounts) == "user\tredis\t990\t/var/lib/redis\ngroup\trdma\t991\t-"
