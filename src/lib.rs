//! Bucket Brigade streams the files landing in an S3 bucket into Amazon Kinesis Data Streams, row by row.
//!
//! It is a program, `brigade`; this library exists so that its parts can be tested and read. Begin with
//! [`supervise::generation`], which builds the whole path in one function, or follow a row.
//!
//! # A row's way
//!
//! 1. [`discover`] lists the bucket, gives each new object a durable number in its queue (one queue per table, one for
//!    the change files), and hands objects to readers, of each queue strictly one after another.
//! 2. [`read`] asks the checkpoint where to go on, reads from there, and cuts the bytes into chunks of whole rows; gzip,
//!    zstd and Parquet become text on the way ([`read::object_chunks`]). It takes a credit from the one in-flight budget
//!    ([`flow::budget`]) before it hands a chunk on.
//! 3. [`parse`] finds the table and the operation of a row. [`value`] splits it into fields and makes typed values of
//!    them, [`encode`] the bytes of its DMS message and its partition key, [`route`] finds the shard of that. What the checkpoint proves to be in the stream already is skipped here.
//!    What the table mappings make of a row is decided here as well ([`map`]): a row that they leave out is counted and
//!    settled at once.
//! 4. A row that cannot become a message goes to [`deadletter`], which makes it durable before it counts as settled.
//! 5. [`batch`] packs the rows of one shard into requests within the service's limits.
//! 6. [`publish`] sends one request per shard at a time, judges the answer record by record, and repeats what has to
//!    be repeated until every record of it is acknowledged. Only then the request is settled.
//! 7. Settlements go back to [`checkpoint`], which moves the watermark of the object over whatever is settled without
//!    a gap, and the cut of the shard; once per interval it commits both, atomically and durably.
//! 8. The credit comes home when the last record of the chunk is settled. That is the only backpressure there is.
//! 9. When all of an object is settled and committed, the discoverer learns of it and goes on in its queue.
//! 10. If any actor dies, [`supervise`] takes down all of them and builds a new generation from the checkpoint.
//!
//! # Code map
//!
//! The modules below stand on floors: each imports only what stands on a lower one, so the list from top to bottom is the
//! way of a row. What a task is configured with are plain types ([`settings`]); [`config`] reads them. A stage folder holds
//! `messages.rs` (what comes in), pure files (the thinking: no I/O, no clock, and `tests/tidy/main.rs` sees to it),
//! `actor.rs` (a thin shell), and where the shell would grow, a file for what it does with I/O (`publish::sender`,
//! `discover::listing`). Seams are nouns with small traits: [`source::ObjectSource`], [`sink::RecordSink`], [`checkpoint::store::CheckpointStore`] and
//! [`clock::Clock`]; every backend of the first three passes the same conformance suite. Of which kind a fault that
//! ends a task is, and with which exit code it ends it, is said in one place: [`fault`].
//!
//! What the library does *not* do, on purpose: no message carries a single row; nothing is acknowledged in `Drop`; no
//! actor is restarted alone; no retry hides in the AWS SDK; nothing but [`flow::edge`] touches an actor's address;
//! nothing but [`clock`] asks for the time of day.
//!
//! # Invariants
//!
//! The ids stand wherever one of them is relied on, enforced or tested; `tests/tidy/main.rs` checks that each is.
//!
//! | Id | What always holds | Enforced in |
//! |---|---|---|
//! | W1 | A watermark never goes back | [`checkpoint::watermark`], [`checkpoint::store::rules`] |
//! | W2 | A watermark is never past the first record that is not settled | [`checkpoint::watermark`] |
//! | W3 | The spans of an object tile it | [`read::framer`], [`read::parquet::row_chunks`], [`checkpoint::watermark`] |
//! | C1 | Durable state is never ahead of what was acknowledged | [`checkpoint::ledger`], [`checkpoint::actor`] |
//! | C2 | An object is done only after a durable commit | [`checkpoint::actor`], [`checkpoint::store`] |
//! | C3 | The shards of a map cover the whole hash space, each point once | [`route::shard_map`] |
//! | C4 | What is known of a shard has a bounded size, however much is in flight | [`model::places`] |
//! | D1 | Each record settles exactly once | [`publish::attempt`], [`checkpoint::watermark`] |
//! | D2 | A dead letter is durable before its row settles | [`deadletter::files`], [`deadletter::actor`] |
//! | D3 | A record is skipped only with a proof that it is settled | [`checkpoint::cut`], [`parse::chunk_router`], [`publish::sightings`], [`model::places`] |
//! | O1 | One request per shard is in flight | [`publish::actor`] |
//! | O2 | Order is kept as `ordering` promises | [`publish::attempt`] |
//! | B1 | Every request is within the service's limits, and none is empty | [`batch::packer`] |
//! | F1 | Bytes in flight stay within the budget, but for the last message of a part | [`flow::budget`], [`parse::actor`] |
//! | F2 | All credits are home after a drain or a teardown | [`flow::budget`], [`supervise::generation`] |
//! | F3 | After a wind-down nothing is sent any more | [`flow::wind_down`] |
//! | G1 | No message crosses from one generation into the next | [`supervise::pipeline`], [`supervise::spawn`] |
//! | G2 | Nobody changes the checkpoint while a data path lives on it | [`supervise::turns`] |
//! | R1 | A row that a dead replay stored is logged, not sent again | [`replay::pending`] |
//! | Q1 | Rows read = delivered + dead-lettered + filtered + in flight, per table, at every moment | [`parse::chunk_router`], [`checkpoint::ledger`] |

// The floors of the house, from top to bottom. An empty line ends a floor. A room imports rooms of lower floors only,
// never one above it or beside it; `tests/tidy/main.rs` reads this very list and holds the code to it.

// The command line.
pub mod cli;

// Is everything there? How is it? Who wants to know?
pub mod verify;
pub mod serve;
pub mod notify;

// What holds it together, sends it again, and proposes a configuration for it.
pub mod supervise;
pub mod replay;
pub mod infer;

// The way of a row, from the bucket to the shard.
pub mod read;

pub mod parse;

pub mod batch;

pub mod publish;
pub mod discover;
pub mod deadletter;

pub mod checkpoint;

pub mod config;

pub mod encode;

pub mod map;

pub mod source;
pub mod sink;
pub mod observe;
pub mod value;
pub mod chain;
#[cfg(feature = "sandbox")]
pub mod sandbox;

pub mod model;
pub mod flow;

pub mod settings;

pub mod route;
pub mod fault;
pub mod clock;
pub mod limits;
mod aws;
pub mod durable;
pub mod chance;
pub mod delays;

pub mod saturate;
pub mod hex;
pub mod printable;
pub mod counted;
