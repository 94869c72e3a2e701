"""Images with their geometry: read, checked and written, whatever the format."""
