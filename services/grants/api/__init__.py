"""The grants service over HTTP. Every writing call is committed before its reply, and done once per key."""

from fastapi import APIRouter

from services.grants.api import budgets, grants, programmes

router = APIRouter()
for _part in (grants, budgets, programmes):
    router.include_router(_part.router)
