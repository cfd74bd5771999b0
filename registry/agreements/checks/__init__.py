"""Checks of what an agreement says: is it complete, and does it contradict the others in force between its parties?"""
