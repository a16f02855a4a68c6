//! What a test expects of a task beyond what always holds.

/// When a record may be stored a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeats {
    /// Never.
    Never,
    /// In a later life, unless a commit before it covered the record.
    BetweenLives,
    /// Also within a life: an answer was lost, or a request failed in part.
    Anytime,
}

/// Which order holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// First deliveries of a queue come in file order, per shard.
    PerShard,
    /// The last deliveries of a partition key come in file order (`ordering: final` over partial failures).
    LastState,
    /// None: a task was killed while it sent records again, so older states may stand behind newer ones until the
    /// next life has caught up.
    NotYet,
}

/// What a test expects beyond what always holds.
#[derive(Debug, Clone)]
pub(crate) struct Expectation {
    pub(crate) repeats: Repeats,
    pub(crate) order: Order,
    /// Whether everything has to be done by now.
    pub(crate) is_complete: bool,
    /// Files that have to be quarantined.
    pub(crate) set_aside: Vec<String>,
    /// Load files of suspended tables, with how many of their rows are read.
    pub(crate) left: Vec<(String, usize)>,
    /// Whether a load went on behind changes, because its table had been suspended.
    pub(crate) is_resumed: bool,
    /// Files that come behind files with greater keys.
    pub(crate) late: Vec<String>,
}

impl Expectation {
    /// A task that is done without any fault.
    pub(crate) fn flawless() -> Self {
        Self {
            repeats: Repeats::Never,
            order: Order::PerShard,
            is_complete: true,
            set_aside: Vec::new(),
            left: Vec::new(),
            is_resumed: false,
            late: Vec::new(),
        }
    }

    /// A task that is done after several lives: what no commit covered may have come again.
    pub(crate) fn over_lives() -> Self {
        Self {
            repeats: Repeats::BetweenLives,
            ..Self::flawless()
        }
    }

    /// The same of a task that is not done yet.
    pub(crate) fn unfinished(self) -> Self {
        Self {
            is_complete: false,
            ..self
        }
    }

    /// The same of a task that was killed, maybe while rows were sent again.
    pub(crate) fn just_killed(self) -> Self {
        Self {
            order: Order::NotYet,
            ..self.unfinished()
        }
    }

    /// The same of a task whose table is suspended by the row with this number of a load file.
    pub(crate) fn with_parked(mut self, key: &str, row: usize) -> Self {
        self.left.push((key.to_owned(), row + 1));
        self
    }

    /// The same of a task that does not begin this file.
    pub(crate) fn with_unread(mut self, key: &str) -> Self {
        self.left.push((key.to_owned(), 0));
        self
    }

    /// How many rows of a file are read at most.
    pub(crate) fn rows_read_max(&self, key: &str) -> usize {
        let left = self.left.iter().find(|(left, _)| left == key);
        left.map_or(usize::MAX, |(_, rows)| *rows)
    }

    /// The same of a task that sets this file aside.
    pub(crate) fn with_set_aside(mut self, key: &str) -> Self {
        self.set_aside.push(key.to_owned());
        self
    }
}
