"""EvenToNight's services: one room per bounded context."""
