"""Words everybody uses: errors, identifiers, time, money, places, text. Knows nothing of HTTP or SQL."""
