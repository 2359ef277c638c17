"""Pictures: posters and avatars."""
