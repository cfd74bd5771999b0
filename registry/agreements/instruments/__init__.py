"""The written instruments themselves: drafted, reviewed, signed, amended, ended, and who is bound when."""
