"""The REST API: thin routes over the desk. What a route needs is in app/rules.py."""
