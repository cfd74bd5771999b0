"""Basic types that all code uses: errors, identifiers, time, money, places, text. Independent of HTTP and SQL."""
