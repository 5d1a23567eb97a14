"""What can be asked of files and folders."""
