"""The whole product on one machine: the same real parts, as supervised processes."""
