"""The REST API: thin routes over the desk. What a route needs is in app/rules.py."""

from app import ingest
from app.rest import catalogue, health, query

ROUTERS = (health.router, catalogue.router, query.router, ingest.router)
