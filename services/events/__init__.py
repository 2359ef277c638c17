"""Events: drafting, publishing, finding."""
