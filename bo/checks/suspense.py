"""Accounts that are empty when everything is explained: suspense, and the exchange of currencies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bo.checks import Asked, Open
from projections.accounts import balances

if TYPE_CHECKING:
    from collections.abc import Iterator

    from projections.core import Views

ROLES = "('suspense', 'exchange')"


def find(views: Views, asked: Asked) -> Iterator[Open]:
    rows = views.rows(
        f"""SELECT number, name FROM account JOIN account_role ON account = number
            WHERE role IN {ROLES} ORDER BY number"""  # noqa: S608
    )
    for number, name in list(rows):
        for each in balances(views, number, asked.last):
            yield Open("suspense", f"{number} {name}", "it has a balance", asked.last, each.currency, each.balance)
