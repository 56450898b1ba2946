"""Who may read and write a store and what is beside it: its owner alone, or a group."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from enum import Enum
from pathlib import Path


class FileMode(Enum):
    """The modes of the files and folders of a store, whatever the umask is."""

    PRIVATE = "private"
    """Its owner alone: 0600, folders 0700."""

    GROUP = "group"
    """The colleagues in the group of the store's folder: 0660, folders 2770."""

    @property
    def of_file(self) -> int:
        """The mode of a file."""
        return 0o660 if self is FileMode.GROUP else 0o600

    @property
    def of_folder(self) -> int:
        """The mode of a folder; what is made in a group's one is the group's too."""
        return 0o2770 if self is FileMode.GROUP else 0o700

    def make_file(self, path: Path) -> int:
        """
        Make a file that is not there yet; return its descriptor, open to read and write.

        Raises:
            FileExistsError: It is there.
            OSError: It can't be made.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        descriptor = os.open(path, flags, self.of_file)
        try:
            self._give_to_group(path)
            path.chmod(self.of_file)  # a umask takes bits away from what `open` is told
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def make_folder(self, path: Path) -> None:
        """
        Make a folder, unless it is there.

        Raises:
            OSError: It can't be made.
        """
        try:
            path.mkdir(mode=self.of_folder)
        except FileExistsError:
            if self is FileMode.GROUP:
                with suppress(OSError):  # its owner's to change
                    self.open_up(path)
            return
        self._give_to_group(path)
        path.chmod(self.of_folder)

    def open_up(self, path: Path) -> None:
        """
        Let the group use what is there already.

        Raises:
            OSError: It is not ours, or not there.
        """
        found = path.stat()
        wanted = self.of_folder if stat.S_ISDIR(found.st_mode) else self.of_file
        if stat.S_IMODE(found.st_mode) & wanted != wanted:
            self._give_to_group(path)
            path.chmod(wanted)

    def _give_to_group(self, path: Path) -> None:
        """Give a file or folder to the group of the folder it is in."""
        if self is FileMode.GROUP and hasattr(os, "chown"):
            with suppress(OSError):  # only where one belongs to that group
                os.chown(path, -1, path.parent.stat().st_gid)
