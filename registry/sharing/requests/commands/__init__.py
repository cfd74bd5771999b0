"""Commands that change a request or its lines."""
