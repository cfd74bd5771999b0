"""Commands that change agencies, one by one or by import of the public lists."""
