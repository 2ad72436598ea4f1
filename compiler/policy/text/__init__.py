"""Text with places: YAML whose every key and value knows where it stands."""
