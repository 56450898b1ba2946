"""Run every benchmark."""

from . import decode, intake

for module in (decode, intake):
    module.main()
