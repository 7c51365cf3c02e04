"""Sample documents that look like a law firm's incoming scans, with ground truth, and the generator that made them."""
