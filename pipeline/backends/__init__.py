"""What varies, one file each, behind the small Protocols of `protocols.py`."""
