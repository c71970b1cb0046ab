"""The grants service over HTTP. Every writing call is committed before its reply, and done once per key."""

from services.grants.api import assets, batches, budgets, documents, grants, programmes

ROUTERS = tuple(part.router for part in (grants, batches, budgets, programmes, assets, documents))
