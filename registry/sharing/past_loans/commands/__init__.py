"""Commands on past loans: taken over by an import, and contested or withdrawn one by one."""
