"""Numbers that vendors give their papers: each is entered once, under whatever number of ours."""

import re
from typing import ClassVar, Self

from aggregates.core import FINANCE, Event, State, replace, require
from aggregates.text import shown


class Claimed(Event, tag="billref.claimed"):
    """The vendor's number is taken by this bill or credit note of ours, or free again."""

    bill: str


class BillRef(State[Claimed]):
    """A stream `billref/VENDOR/THEIR-NUMBER`: no paper is entered twice, not even by two at once."""

    kind: ClassVar[str] = "billref"
    compartment: ClassVar[int] = FINANCE
    last_is_all: ClassVar[bool] = True

    bill: str = ""

    @staticmethod
    def name(vendor: str, ref: str) -> str:
        """Case and spacing make no other number."""
        return f"{vendor}/{' '.join(ref.split()).casefold()}"

    def claim(self, vendor: str, ref: str, bill: str) -> Claimed:
        require(not self.bill, f"{vendor}'s {shown(ref)} is {self.bill} already")
        return Claimed(bill)

    def free(self) -> Claimed:
        return Claimed("")

    def evolve(self, event: Claimed) -> Self:
        return replace(self, bill=event.bill)


_RUN = re.compile(r"\d+|[^\W\d_]+")


def alike(one: str, other: str) -> bool:
    """Whether two numbers may be one, written in another way: case, spaces, punctuation and leading zeros aside.

    Where one is written without any punctuation, that of the other counts for nothing; else it tells 1/11 from 11/1.
    """
    runs, others = ([run.lstrip("0") for run in _RUN.findall(each.casefold())] for each in (one, other))
    if runs == others:
        return True
    plain, plainer = ("".join(filter(str.isalnum, each.casefold())) for each in (one, other))
    joined = len(plain) == len(one.replace(" ", "")) or len(plainer) == len(other.replace(" ", ""))
    return joined and _stripped(plain) == _stripped(plainer)


def _stripped(plain: str) -> str:
    return "".join(run.lstrip("0") for run in _RUN.findall(plain))
