"""Typed JSON below the public door `batchhub.wire`: records, the converter, and their edges."""
