"""People: accounts, profiles, sign-in."""
