"use strict";
/**
 * Accepts every row of a Bucket Brigade stream once, in the order of its lane.
 *
 * For tasks with `source_position: chain`. Read each shard in order, parents before children, and ask the filter
 * about every message:
 *
 *     const chain = new BrigadeChain(state);            // state: what save() gave, or nothing
 *     const message = JSON.parse(record.Data);
 *     const { decision, from, to } = chain.accept(message.metadata);
 *     if (decision === "accept") process(message);
 *     if (decision === "resync") report(`rows after ${from} up to ${to} were not seen`);
 *
 * Store `chain.save()` together with your own checkpoint, in one step.
 */
class BrigadeChain {
  constructor(state = {}) {
    this.lanes = new Map(Object.entries(state));
  }

  /** The state, ready for JSON. */
  save() {
    return Object.fromEntries(this.lanes);
  }

  /** The decision: "accept", "drop", or "resync" with the last position accepted and the last one missing. */
  accept(metadata) {
    const { chain, lane, position, previous } = metadata;
    if (chain === undefined) return { decision: "accept" };
    const known = this.lanes.get(lane) ?? { chain: 0, last: "0:0" };
    if (chain < known.chain) return { decision: "drop" };
    const last = chain > known.chain ? "0:0" : known.last;
    const isSync = previous === undefined;
    const moves = isSync ? isBehind(last, position) : previous === last;
    this.lanes.set(lane, { chain, last: moves ? position : last });
    if (!moves) return { decision: "drop" };
    return isSync ? { decision: "resync", from: last, to: position } : { decision: "accept" };
  }
}

function isBehind(left, right) {
  const [leftObject, leftRecord] = left.split(":").map(Number);
  const [rightObject, rightRecord] = right.split(":").map(Number);
  return leftObject < rightObject || (leftObject === rightObject && leftRecord < rightRecord);
}

module.exports = { BrigadeChain };
