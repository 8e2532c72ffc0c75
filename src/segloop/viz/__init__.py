"""Drawing: masks over images, maps of errors, sheets of pictures. What draws does not compute scores."""
