"""What policies say and mean, as frozen values: no behaviour but the meaning of a selector.

    files --read--> Policy, Inventory --resolve--> Resolved; Resolved, Flow --verdict--> Verdict
"""
