"""Reading by rules: regular expressions find, well-kept libraries normalise, and each module reads one kind of field.

A rule's confidence is its share of right answers on the tuning half of the corpora, rounded down to a step of
0.05, times the mean OCR confidence of the words that make up the value.
"""
