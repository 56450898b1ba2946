"""
JSON into objects and back: the rooms below the public door `batchhub.wire`.

It may import `errors` and `_base` only. Begin with `converter`, which everything goes through;
`reading` has its hooks for each kind of type, `body` says what is wrong with one item's body,
`exact` decodes and encodes plain JSON without losing a digit, `times` reads and writes times.
"""
