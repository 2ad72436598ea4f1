"""Network policy: what files say, what it means for an inventory, and what becomes of a flow."""
