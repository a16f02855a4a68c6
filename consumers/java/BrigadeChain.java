import java.util.HashMap;
import java.util.Map;

/**
 * Accepts every row of a Bucket Brigade stream once, in the order of its lane.
 *
 * <p>For tasks with {@code source_position: chain}. Read each shard in order, parents before children, and ask the
 * filter about every message, with the members of its {@code metadata}; all of them are null if it has none, and
 * {@code previous} is null in a sync record:
 *
 * <pre>{@code
 * BrigadeChain chain = new BrigadeChain(state);         // state: what save() gave, or an empty map
 * BrigadeChain.Decision decision = chain.accept(chainNumber, lane, position, previous);
 * if (decision.kind == BrigadeChain.Kind.ACCEPT) process(message);
 * if (decision.kind == BrigadeChain.Kind.RESYNC) report(decision);   // rows that were not seen
 * }</pre>
 *
 * <p>Store {@code chain.save()} together with your own checkpoint, in one step. Not safe for use by several threads:
 * give each shard a filter of its own, or lock.
 */
public final class BrigadeChain {
    /** What to do with a record. */
    public enum Kind { ACCEPT, DROP, RESYNC }

    /** The decision; a resync says which rows were not seen: those after {@code from}, up to {@code to}. */
    public static final class Decision {
        public final Kind kind;
        public final String from;
        public final String to;

        private Decision(Kind kind, String from, String to) {
            this.kind = kind;
            this.from = from;
            this.to = to;
        }
    }

    private static final String START = "0:0";
    private static final Decision ACCEPT = new Decision(Kind.ACCEPT, null, null);
    private static final Decision DROP = new Decision(Kind.DROP, null, null);

    /** Per lane: chain and last accepted position, with a space between them. */
    private final Map<String, String> lanes;

    public BrigadeChain(Map<String, String> state) {
        lanes = new HashMap<>(state);
    }

    /** The state. */
    public Map<String, String> save() {
        return new HashMap<>(lanes);
    }

    public Decision accept(Long chain, String lane, String position, String previous) {
        if (chain == null) {
            return ACCEPT;
        }
        String[] known = lanes.getOrDefault(lane, "0 " + START).split(" ");
        long knownChain = Long.parseLong(known[0]);
        if (chain < knownChain) {
            return DROP;
        }
        String last = chain > knownChain ? START : known[1];
        boolean isSync = previous == null;
        boolean moves = isSync ? isBehind(last, position) : previous.equals(last);
        lanes.put(lane, chain + " " + (moves ? position : last));
        if (!moves) {
            return DROP;
        }
        return isSync ? new Decision(Kind.RESYNC, last, position) : ACCEPT;
    }

    private static boolean isBehind(String left, String right) {
        String[] leftParts = left.split(":");
        String[] rightParts = right.split(":");
        int objects = Long.compare(Long.parseLong(leftParts[0]), Long.parseLong(rightParts[0]));
        int records = Long.compare(Long.parseLong(leftParts[1]), Long.parseLong(rightParts[1]));
        return objects < 0 || (objects == 0 && records < 0);
    }
}
