//! One history: a task from its first start to its end, through everything that goes wrong.

use bucket_brigade::route::shard_map::ShardMap;
use bucket_brigade::saturate;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::oracle::{judge_checkpoint, judge_stream};
use super::outside::{Outside, Tally, Trace};
use super::plan::{Defect, Lateness, Mode, Plan, Rates, SETTLE_MS};
use super::process::{Action, Baggage, Commit, Process};
use super::store::Store;
use super::stream::SimStream;
use super::world::{Contents, Source};

/// Steps after which a history counts as stuck.
const STEPS_MAX: u32 = 20_000;
/// When the first process starts; later than any margin that is subtracted.
const START_MS: u64 = 1_000_000_000;

/// Which history.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Name {
    pub(crate) mode: Mode,
    pub(crate) seed: u64,
    pub(crate) number: u64,
    pub(crate) defect: Option<Defect>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) tally: Tally,
    pub(crate) steps: u32,
    /// What is wrong, if something is.
    pub(crate) problem: Option<String>,
    pub(crate) trace: Vec<String>,
}

struct History<'w> {
    outside: Outside<'w>,
    store: Store,
    process: Process,
    baggage: Baggage,
    crashes_left: u32,
    steps: u32,
    actions: Vec<Action>,
}

/// Runs a history to its end.
pub(crate) fn run(name: Name, contents: &Contents, baggage: &Baggage, is_traced: bool) -> Report {
    let mixed = name.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ name.number;
    let mut rng = SmallRng::seed_from_u64(mixed.wrapping_add(name.mode.number() << 56));
    let plan = Plan::draw(name.mode, name.defect, &mut rng);
    let source = Source::draw(&mut rng);
    let map = ShardMap::uniform(plan.shards_count).expect("at least one shard");
    let mut outside = Outside {
        contents,
        rates: plan.rates,
        plan,
        source,
        rng,
        now: START_MS,
        stream: SimStream::new(&map),
        trace: Trace(is_traced.then(Vec::new)),
        tally: Tally::default(),
    };
    outside.tally.rows = saturate::to_u64(outside.rows().count());
    outside.say(|| format!("{plan:?}"));
    for (number, objects) in outside.source.queues.iter().enumerate() {
        for rows in objects {
            let names = outside.names(rows.iter().copied().map(Some));
            outside
                .trace
                .say(START_MS, || format!("object of queue {number}: [{names}]"));
        }
    }
    let mut store = Store::default();
    let process = Process::start(&mut outside, &mut store, baggage.clone()).expect("a new task");
    let mut history = History {
        crashes_left: plan.crashes_max,
        outside,
        store,
        process,
        baggage: baggage.clone(),
        steps: 0,
        actions: Vec::new(),
    };
    let problem = history.run().err();
    let Outside { tally, trace, .. } = history.outside;
    Report {
        tally,
        steps: history.steps,
        problem,
        trace: trace.0.unwrap_or_default(),
    }
}

impl History<'_> {
    fn run(&mut self) -> Result<(), String> {
        while !self.step()? {
            self.steps += 1;
            if self.steps > STEPS_MAX {
                return Err(format!("stuck: not at its end after {STEPS_MAX} steps"));
            }
        }
        // What is on its way may still come.
        self.outside.now = self
            .outside
            .now
            .max(self.outside.stream.last_arrival().unwrap_or(0));
        self.outside.arrive();
        self.outside.tally.repeats = judge_stream(&self.outside)?;
        Ok(())
    }

    /// One step of the history; says whether it is over.
    fn step(&mut self) -> Result<bool, String> {
        let outside = &mut self.outside;
        outside.arrive();
        if self.steps == outside.plan.calm_after {
            outside.rates = Rates::CALM;
            outside.say(|| "from here on nothing goes wrong".to_owned());
        }
        let rates = outside.rates;
        if self.crashes_left > 0 && outside.roll(rates.crash) {
            self.crash()?;
            return Ok(false);
        }
        if !self.process.is_ending() && outside.roll(rates.stop) {
            outside.tally.stops += 1;
            outside.say(|| "the process is asked to stop".to_owned());
            self.process.end();
        }
        if outside.roll(rates.reshard) {
            outside.reshard();
        }
        if !self.process.is_ending() && !self.process.knows_shards(outside) && outside.roll(20) {
            outside.say(|| "the watcher sees the reshard; the process ends".to_owned());
            self.process.end();
        }
        match self.process.commit.is_some() {
            true if outside.roll(500) => return self.finish_commit(),
            false if outside.roll(60) => self.process.begin_commit(outside, false),
            true | false => {}
        }
        self.act()
    }

    fn act(&mut self) -> Result<bool, String> {
        let next = self.process.actions(self.outside.now, &mut self.actions);
        if !self.actions.is_empty() {
            let action = self.actions[self.outside.rng.random_range(0..self.actions.len())];
            self.process.act(&mut self.outside, &mut self.store, action)?;
            self.outside.now += self.outside.up_to(40);
            return Ok(false);
        }
        let arrival = self.outside.stream.next_arrival();
        let next = [next, arrival].into_iter().flatten().min();
        let is_idle = self.process.is_idle();
        match next {
            Some(next) if !is_idle => {
                self.outside.now = next.max(self.outside.now);
                Ok(false)
            }
            Some(_) | None => {
                if self.process.commit.is_some() {
                    return self.finish_commit();
                }
                self.process.begin_commit(&mut self.outside, true);
                Ok(false)
            }
        }
    }

    /// The store has done its work; says whether the task is at its end.
    fn finish_commit(&mut self) -> Result<bool, String> {
        let Some(commit) = self.process.commit.take() else {
            return Ok(false);
        };
        let Commit {
            delta,
            finished,
            is_last,
        } = commit;
        self.outside.tally.commits += 1;
        self.outside.say(|| {
            format!(
                "commits{}: {}",
                if is_last { " and ends" } else { "" },
                in_words(&delta)
            )
        });
        self.store.commit(delta)?;
        self.process.announce(&finished);
        judge_checkpoint(&self.outside, &self.store)?;
        if !is_last {
            return Ok(false);
        }
        if self.is_over() {
            return Ok(true);
        }
        self.outside.now += self.outside.up_to(2_000);
        self.outside.arrive();
        self.start()?;
        Ok(false)
    }

    fn is_over(&self) -> bool {
        let wanted = self.outside.source.queues.iter().map(Vec::len).sum::<usize>();
        self.store.objects.len() == wanted && self.store.objects.iter().all(|entry| entry.state.is_finished())
    }

    /// The process dies; its requests may not.
    fn crash(&mut self) -> Result<(), String> {
        self.crashes_left -= 1;
        self.outside.tally.crashes += 1;
        self.outside.say(|| "the process is killed".to_owned());
        if let Some(Commit { delta, .. }) = self.process.commit.take()
            && self.outside.rng.random_bool(0.5)
        {
            self.outside
                .say(|| format!("its last commit is durable: {}", in_words(&delta)));
            self.store.commit(delta)?;
            judge_checkpoint(&self.outside, &self.store)?;
        }
        let Outside {
            now,
            rng,
            stream,
            plan,
            ..
        } = &mut self.outside;
        let now = *now;
        stream.sender_died(|apply_at| match plan.lateness {
            Lateness::Never => rng.random_bool(0.5).then_some(now),
            Lateness::WithinSettle => Some(apply_at.min(now + SETTLE_MS)),
            Lateness::Outliving => Some(apply_at),
        });
        self.outside.arrive();
        self.outside.now += self.outside.up_to(5_000);
        self.outside.arrive();
        // Shards are split and merged while nobody looks, too.
        for _ in 0..2 {
            if self.outside.roll(self.outside.rates.reshard.saturating_mul(8)) {
                self.outside.reshard();
            }
        }
        self.start()
    }

    fn start(&mut self) -> Result<(), String> {
        self.process = Process::start(&mut self.outside, &mut self.store, self.baggage.clone())?;
        Ok(())
    }
}

fn in_words(delta: &bucket_brigade::checkpoint::store::CheckpointDelta) -> String {
    use bucket_brigade::checkpoint::store::ObjectState;
    let objects = delta.objects.iter().map(|(id, state)| match state {
        ObjectState::Open(progress) => {
            let through = progress.through.iter().map(|entry| entry.through.to_string());
            let through = through.collect::<Vec<_>>().join("/");
            format!("{id} to row {} ({through})", progress.watermark.ordinal)
        }
        ObjectState::Done(_) => format!("{id} is done"),
        ObjectState::Registered | ObjectState::Quarantined { .. } | ObjectState::Decided { .. } => {
            format!("{id}")
        }
    });
    let cuts = delta.cuts.iter().map(|cut| {
        let short = |number: &str| number.get(50..).unwrap_or(number).to_owned();
        let lanes = cut.lanes.iter().map(|lane| {
            let runs = lane
                .known
                .runs
                .iter()
                .map(|(first, last)| format!("{}..{}", short(first), short(last)));
            let members = lane.known.members.iter().map(|place| short(place));
            runs.chain(members).collect::<Vec<_>>().join("+")
        });
        format!("{} at {}", cut.shard_id, lanes.collect::<Vec<_>>().join(", "))
    });
    objects.chain(cuts).collect::<Vec<_>>().join("; ")
}
