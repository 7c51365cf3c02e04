"""The Prefect edge: the same road as the command line, with Prefect's retries, states and run history."""
