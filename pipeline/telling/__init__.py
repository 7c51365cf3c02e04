"""What people are told: logs, run reports, notices by webhook and e-mail, metrics."""
