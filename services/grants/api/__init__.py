"""The grants service over HTTP. Every writing call is committed before its reply, and done once per key."""

from fastapi import APIRouter

from services.grants.api import assets, batches, budgets, documents, grants, programmes

router = APIRouter()
for _part in (grants, batches, budgets, programmes, assets, documents):
    router.include_router(_part.router)
