"""The drop folder: files that lie still are claimed, made PDF, cut at separator sheets, taken in; the rest is held."""
