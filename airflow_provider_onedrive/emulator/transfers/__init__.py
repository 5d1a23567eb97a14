"""Content on its way in and out."""
