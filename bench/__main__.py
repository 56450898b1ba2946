"""Run every benchmark."""

from . import decode, intake, loop

for module in (decode, intake, loop):
    module.main()
