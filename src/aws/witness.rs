//! What answers of AWS say besides what was asked: how many there were, what the time is there, how long the credentials
//! last, and what the stream is.
//!
//! It is a bystander: it changes no request, fails none, and waits for nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::FinalizerInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;

/// The code of a request that got no answer.
const NO_ANSWER: &str = "none";

/// Looks on. Clones share what they saw.
#[derive(Debug, Clone)]
pub struct Witness(Arc<Seen>);

#[derive(Debug)]
struct Seen {
    now_ms: fn() -> i64,
    requests: Mutex<BTreeMap<String, BTreeMap<u16, u64>>>,
    resumes: AtomicU64,
    skew_ms: Mutex<Option<i64>>,
    expires: Mutex<Option<SystemTime>>,
    stream: Mutex<Option<StreamFacts>>,
}

/// What a stream is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamFacts {
    /// Its name.
    pub name: String,
    /// `PROVISIONED` or `ON_DEMAND`; empty if it was not said.
    pub mode: String,
    /// How long it keeps a record.
    pub retention: Duration,
}

impl Witness {
    /// One that has seen nothing yet, with the time of day here.
    pub fn new(now_ms: fn() -> i64) -> Self {
        Self(Arc::new(Seen {
            now_ms,
            requests: Mutex::default(),
            resumes: AtomicU64::new(0),
            skew_ms: Mutex::default(),
            expires: Mutex::default(),
            stream: Mutex::default(),
        }))
    }

    /// Requests by operation and HTTP status, each attempt for itself; `none` without an answer.
    pub fn requests(&self) -> Vec<(String, String, u64)> {
        let requests = lock(&self.0.requests);
        let counts = requests.iter().flat_map(|(operation, codes)| {
            codes
                .iter()
                .map(move |(code, count)| (operation.clone(), code_text(*code), *count))
        });
        counts.collect()
    }

    /// A body broke off and was asked for again.
    pub(crate) fn resumed(&self) {
        self.0.resumes.fetch_add(1, Ordering::Relaxed);
    }

    /// How often one was.
    pub fn resumes(&self) -> u64 {
        self.0.resumes.load(Ordering::Relaxed)
    }

    /// How far the clock here is ahead of the one there, in milliseconds, to about a second; behind it, negative.
    pub fn skew_ms(&self) -> Option<i64> {
        *lock(&self.0.skew_ms)
    }

    /// When the credentials in use expire, in seconds since the epoch; `None` if they do not, or none were needed yet.
    pub fn credentials_expire(&self) -> Option<f64> {
        let expires = *lock(&self.0.expires);
        let since = expires?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some(since.as_secs_f64())
    }

    /// The stream was described.
    pub(crate) fn described(&self, stream: StreamFacts) {
        *lock(&self.0.stream) = Some(stream);
    }

    /// What the stream is, once it was described.
    pub fn stream(&self) -> Option<StreamFacts> {
        lock(&self.0.stream).clone()
    }

    /// The same provider of credentials, looked at.
    pub(crate) fn watch(&self, provider: SharedCredentialsProvider) -> SharedCredentialsProvider {
        let witness = self.clone();
        SharedCredentialsProvider::new(WatchedCredentials { provider, witness })
    }

    fn answered(&self, operation: &str, code: u16, date: Option<&str>) {
        let mut requests = lock(&self.0.requests);
        if !requests.contains_key(operation) {
            requests.insert(operation.to_owned(), BTreeMap::new());
        }
        if let Some(codes) = requests.get_mut(operation) {
            *codes.entry(code).or_default() += 1;
        }
        drop(requests);
        let there = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        if let Some(there_ms) = there.and_then(|there| there.to_millis().ok()) {
            // It has no fractions of a second: on average half of one has passed.
            *lock(&self.0.skew_ms) = Some((self.0.now_ms)().saturating_sub(there_ms + 500));
        }
    }
}

/// 0 stands for no answer.
fn code_text(code: u16) -> String {
    match code {
        0 => NO_ANSWER.to_owned(),
        code => code.to_string(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Plain data: whoever panicked while holding it left it whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Intercept for Witness {
    fn name(&self) -> &'static str {
        "Witness"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = config.load::<Metadata>().map_or("unknown", Metadata::name);
        let response = context.response();
        let code = response.map_or(0, |response| response.status().as_u16());
        let date = response.and_then(|response| response.headers().get("date"));
        self.answered(operation, code, date);
        Ok(())
    }
}

#[derive(Debug)]
struct WatchedCredentials {
    provider: SharedCredentialsProvider,
    witness: Witness,
}

impl ProvideCredentials for WatchedCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move {
            let credentials = self.provider.provide_credentials().await;
            if let Ok(credentials) = &credentials {
                *lock(&self.witness.0.expires) = credentials.expiry();
            }
            credentials
        })
    }

    fn fallback_on_interrupt(&self) -> Option<aws_credential_types::Credentials> {
        self.provider.fallback_on_interrupt()
    }
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;

    use super::*;

    #[test]
    fn requests_are_counted_by_operation_and_code_and_a_date_says_how_far_the_clocks_differ() {
        // 2026-11-24T08:00:03Z here.
        let witness = Witness::new(|| 1_795_507_203_000);
        witness.answered("GetObject", 200, Some("Tue, 24 Nov 2026 08:00:00 GMT"));
        assert_eq!(witness.skew_ms(), Some(2_500));
        witness.answered("GetObject", 503, Some("no date"));
        witness.answered("GetObject", 200, None);
        witness.answered("ListObjectsV2", 0, None);
        assert_eq!(witness.skew_ms(), Some(2_500), "the last one that was said");
        let expected = [
            ("GetObject", "200", 2),
            ("GetObject", "503", 1),
            ("ListObjectsV2", "none", 1),
        ];
        let expected =
            expected.map(|(operation, code, count)| (operation.to_owned(), code.to_owned(), count));
        assert_eq!(witness.requests(), expected);
    }

    #[tokio::test]
    async fn the_end_of_credentials_is_seen_when_they_are_used() {
        let witness = Witness::new(|| 0);
        let ends = SystemTime::UNIX_EPOCH + Duration::from_secs(90);
        let credentials = Credentials::new("id", "secret", None, Some(ends), "test");
        let watched = witness.watch(SharedCredentialsProvider::new(credentials));
        assert_eq!(witness.credentials_expire(), None);
        watched.provide_credentials().await.unwrap();
        assert_eq!(witness.credentials_expire(), Some(90.0));
    }
}
