"""The ships demo: ships from the air, and the sea, coasts and harbours around them."""
