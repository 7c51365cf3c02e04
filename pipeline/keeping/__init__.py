"""What is kept and for how long: retention and hold, deletion, backup and restore."""
