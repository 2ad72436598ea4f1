"""Places: where on this host an endpoint is, and when that changes.

`find` answers for now; a Watch says when to ask again. All is about the calling thread's network namespace, which holds the host's
ends of the endpoints' interfaces.
"""

from .finding import find, is_there, own_namespace
from .place import Place, PlaceError
from .watching import Appeared, Change, Changed, NamesChanged, Overrun, Removed, Watch

__all__ = [
    "Appeared",
    "Change",
    "Changed",
    "NamesChanged",
    "Overrun",
    "Place",
    "PlaceError",
    "Removed",
    "Watch",
    "find",
    "is_there",
    "own_namespace",
]
