-- Run once, by an empty PostgreSQL: Prefect's own database beside Muniment's.
CREATE DATABASE prefect;
