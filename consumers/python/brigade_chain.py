"""Accepts every row of a Bucket Brigade stream once, in the order of its lane.

For tasks with ``source_position: chain``. Read each shard in order, parents
before children, and ask the filter about every message:

    chain = BrigadeChain(state)             # state: what save() gave, or None
    message = json.loads(record["Data"])
    decision = chain.accept(message["metadata"])
    if decision == ACCEPT:
        process(message)
    elif decision != DROP:
        _, first, last = decision           # ("resync", "3:5", "3:9")
        report("rows after %s up to %s were not seen" % (first, last))

Store ``chain.save()`` together with your own checkpoint, in one step.
"""

ACCEPT = "accept"
DROP = "drop"


def _numbers(position):
    first, second = position.split(":")
    return int(first), int(second)


class BrigadeChain:
    """The state of all lanes that were seen."""

    def __init__(self, state=None):
        self._lanes = {lane: (of["chain"], of["last"]) for lane, of in (state or {}).items()}

    def save(self):
        """The state, ready for JSON."""
        return {lane: {"chain": chain, "last": last} for lane, (chain, last) in self._lanes.items()}

    def accept(self, metadata):
        """ACCEPT, DROP, or ("resync", last accepted, last missing)."""
        if "chain" not in metadata:
            return ACCEPT
        chain, lane, position = metadata["chain"], metadata["lane"], metadata["position"]
        known, last = self._lanes.get(lane, (0, "0:0"))
        if chain < known:
            return DROP
        if chain > known:
            last = "0:0"
        decision = DROP
        previous = metadata.get("previous")
        if previous is None:  # a sync record
            if _numbers(position) > _numbers(last):
                decision, last = ("resync", last, position), position
        elif previous == last:
            decision, last = ACCEPT, position
        self._lanes[lane] = (chain, last)
        return decision
