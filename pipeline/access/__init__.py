"""Who there is, who is signed in, what they may see, and the log of what they did."""
