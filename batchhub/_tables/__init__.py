"""
CSV, JSON and Parquet, in and out.

`reading` makes items of a file, `writing` files of results. Both yield values and raise errors;
neither prints anything. They import `models`, `adapter`, `_wire`, `_base` and `errors`.
Begin at `reading/reader.py` and `writing/writer.py`.
"""
