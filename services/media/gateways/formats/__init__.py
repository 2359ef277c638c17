"""What a picture's file holds besides pixels, read and cut away without decoding any."""
