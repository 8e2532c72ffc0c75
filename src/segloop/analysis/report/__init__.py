"""What a report holds, section by section, as one HTML page and in Markdown."""
