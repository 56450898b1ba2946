"""
The page in a real browser: what the tests in `tests/browser` start, and do with it.

Begin at `visitor`: somebody who opens screens, presses keys, and afterwards is asked what the
browser had to complain about. `chrome` starts the browser and `page` the page.
"""
