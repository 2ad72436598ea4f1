"""A network on one machine in which a policy can be seen at work: namespaces, a service, clients, expectations.

    scenario (who asks what) --network--> namespaces --serving, client--> outcomes before and after --flights--> rows
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

SCENARIOS: Final = Path(__file__).parent / "scenarios"
