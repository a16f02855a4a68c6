//! What a task tells the outside over HTTP. Pure: no I/O, no clock.

use core::net::SocketAddr;
use std::time::Duration;

/// Where metrics, health and the API are served, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiConfig {
    /// Where; `None` serves nothing.
    pub listen: Option<SocketAddr>,
    /// Whether the configuration names the address: then a task that cannot have it does not start.
    pub is_listen_chosen: bool,
    /// Who knows it may read everything from any address.
    pub token: Option<ApiToken>,
    /// When the task counts as unhealthy.
    pub health: HealthConfig,
}

/// When a task that runs is unhealthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthConfig {
    /// When nothing was settled for this long, with work to do.
    pub no_progress: Duration,
    /// When more rows than this are dead letters.
    pub dead_letters_max: Option<u64>,
}

impl Default for ApiConfig {
    /// Nothing is served.
    fn default() -> Self {
        Self {
            listen: None,
            is_listen_chosen: false,
            token: None,
            health: HealthConfig {
                no_progress: Duration::from_mins(10),
                dead_letters_max: None,
            },
        }
    }
}

/// A secret: nothing prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiToken(String);

impl ApiToken {
    /// A token with this text.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for the header of a request.
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// Whether a text is the token; takes as long whatever differs.
    pub fn is(&self, text: &str) -> bool {
        let (own, other) = (self.0.as_bytes(), text.as_bytes());
        let pairs = own.iter().zip(other);
        let difference = pairs.fold(own.len() ^ other.len(), |difference, (a, b)| {
            difference | usize::from(a ^ b)
        });
        difference == 0
    }
}

impl std::fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiToken(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_token_is_the_token_and_nothing_prints_it() {
        let token = ApiToken::new("s3cret".to_owned());
        assert!(token.is("s3cret"));
        for other in ["", "s3cre", "s3cret ", "S3cret", "s3creT"] {
            assert!(!token.is(other), "{other}");
        }
        assert!(!format!("{token:?}").contains("s3cret"));
    }
}
