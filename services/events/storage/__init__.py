"""Events and the replica of organizations in MongoDB."""
