"""How well sharing works, over time: shares, quantiles, hours, each with what it was counted from."""
