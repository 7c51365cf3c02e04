"""Reading by rules: regular expressions find, well-kept libraries normalise, and each module reads one kind of field.

A rule's confidence is set by hand, in steps of 0.05, near the share of right answers it had on the tuning half of
the corpora (it is not a fitted probability; a clause's is, from its similarity). What is kept is that times the
mean OCR confidence of the words that make up the value.
"""
