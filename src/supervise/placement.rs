//! Which actor lives on which thread. CPU work sits on the lane arbiters (a reader and its parser together, so a
//! chunk stays on one core); batchers and publishers share the sink arbiters; everything else is on control.

use actix::prelude::*;

use super::pulse::Pulse;

/// More lane threads than this do not pay: the rest of the pipeline is the limit then.
const LANE_THREADS_MAX: usize = 8;

/// The arbiters of a generation.
#[derive(Debug)]
pub struct Placement {
    lanes: Vec<Arbiter>,
    sinks: Vec<Arbiter>,
    control: Arbiter,
}

impl Placement {
    /// Threads for this many lanes and shards on this machine.
    pub fn new(lanes_count: usize, shards_count: usize) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let lane_threads = lanes_count.min(cores).clamp(1, LANE_THREADS_MAX);
        let sink_threads = shards_count.min(cores.div_ceil(2)).max(1);
        Self {
            lanes: std::iter::repeat_with(Arbiter::new).take(lane_threads).collect(),
            sinks: std::iter::repeat_with(Arbiter::new).take(sink_threads).collect(),
            control: Arbiter::new(),
        }
    }

    /// Where a lane's reader and parser live.
    pub fn lane(&self, lane: usize) -> ArbiterHandle {
        round_robin(&self.lanes, lane).unwrap_or_else(|| self.control())
    }

    /// Where a shard's batcher and publisher live.
    pub fn sink(&self, shard: usize) -> ArbiterHandle {
        round_robin(&self.sinks, shard).unwrap_or_else(|| self.control())
    }

    /// Where everything else lives.
    pub fn control(&self) -> ArbiterHandle {
        self.control.handle()
    }

    /// Has every thread watched.
    pub fn watch(&self, pulse: &mut Pulse) {
        for (number, lane) in self.lanes.iter().enumerate() {
            pulse.watch(format!("thread {number} of readers and parsers"), &lane.handle());
        }
        for (number, sink) in self.sinks.iter().enumerate() {
            pulse.watch(
                format!("thread {number} of batchers and publishers"),
                &sink.handle(),
            );
        }
        pulse.watch(
            "the thread of discovery, checkpoints and dead letters".to_owned(),
            &self.control.handle(),
        );
    }

    /// Ends the threads; their actors must be gone.
    pub fn stop(self) {
        for arbiter in self.lanes.into_iter().chain(self.sinks).chain([self.control]) {
            arbiter.stop();
            // A thread that panicked outside an actor has nothing left to say.
            drop(arbiter.join());
        }
    }
}

fn round_robin(arbiters: &[Arbiter], index: usize) -> Option<ArbiterHandle> {
    let place = index.checked_rem(arbiters.len())?;
    arbiters.get(place).map(Arbiter::handle)
}
