"""
What core and adapters pass to one another. What may be used from outside is in `batchhub.adapter`.

It may import `models` and below. Begin with `exchange`, the arguments and answers of an adapter's
methods; `account` has the base class of accounts and their budget, `capabilities` what a vendor can
do for one operation.
"""
