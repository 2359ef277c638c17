"""Reconciles an EvenToNight resource; also a library for the one-machine stack."""
