"""Run every benchmark."""

from . import intake, status

for module in (status, intake):
    module.main()
