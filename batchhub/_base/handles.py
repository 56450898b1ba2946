"""Objects that belong to one process, and are of no use as a copy."""

from __future__ import annotations

from typing import ClassVar, Final, NoReturn, SupportsIndex

from batchhub.errors import UsageError


class Handle:
    """
    What can't be pickled or copied: it stands for something open.

    `_handed_over_as` says what to do in place of it.
    """

    __slots__ = ()

    _handed_over_as: ClassVar[str]

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        """Refuse to be pickled or copied, as `multiprocessing`, Celery and `copy` would."""
        raise UsageError(
            f"a {type(self).__name__} can't be pickled or copied: {self._handed_over_as}"
        )


HUB: Final = "make one in each process, from the same settings or store"
JOB: Final = "pass its id, and get it from a hub there: hub.job(id)"
