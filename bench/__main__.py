"""Run every benchmark."""

from . import decode, exports, intake, loop

for module in (decode, exports, intake, loop):
    module.main()
