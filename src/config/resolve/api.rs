//! What is served over HTTP. Pure: no I/O, no clock.

use core::net::{Ipv4Addr, SocketAddr};

use crate::config::values::Section;
use crate::settings::{ApiConfig, ApiToken, HealthConfig};

/// Where a task listens that is not told to.
const LISTEN: SocketAddr = SocketAddr::new(core::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8686);

pub(super) fn api(root: &Section<'_>) -> Option<ApiConfig> {
    let section = root.section("api")?;
    let health = section.section("health")?;
    let listen = section.filled_text("listen");
    Some(ApiConfig {
        is_listen_chosen: listen.is_some(),
        listen: match listen.as_deref() {
            None => Some(LISTEN),
            // That it is one of the two was checked.
            Some(text) => text.parse().ok(),
        },
        token: section.filled_text("token").map(ApiToken::new),
        health: HealthConfig {
            no_progress: health.duration("no_progress")?,
            dead_letters_max: health.number("dead_letters"),
        },
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::tests::loaded_with;

    #[test]
    fn a_task_listens_on_this_machine_elsewhere_or_nowhere() {
        let of = |api: &str| loaded_with("target:", &format!("{api}\ntarget:")).api;
        let plain = of("");
        assert_eq!((plain.listen, plain.is_listen_chosen), (Some(LISTEN), false));
        assert_eq!(plain.health.no_progress, Duration::from_mins(10));
        let chosen = of(
            "api: { listen: \"[::1]:90\", token: a-token-of-16-characters, health: { no_progress: 2s, dead_letters: 7 } }",
        );
        assert_eq!(chosen.listen, "[::1]:90".parse().ok());
        assert!(chosen.is_listen_chosen && chosen.token.unwrap().is("a-token-of-16-characters"));
        let health = HealthConfig {
            no_progress: Duration::from_secs(2),
            dead_letters_max: Some(7),
        };
        assert_eq!(chosen.health, health);
        assert_eq!(of("api: { listen: off }").listen, None);
    }
}
