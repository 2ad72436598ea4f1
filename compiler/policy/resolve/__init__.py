"""Policies and an inventory -> Resolved: identities, whom peers stand for, and what each side of each endpoint allows."""

from pybpf.compiler.policy.resolve.parties import endpoint_of, identity_of
from pybpf.compiler.policy.resolve.resolver import Change, Resolver
from pybpf.compiler.policy.resolve.resolving import resolve

__all__ = ["Change", "Resolver", "endpoint_of", "identity_of", "resolve"]
