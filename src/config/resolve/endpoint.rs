//! Endpoints other than AWS's own. Pure: no I/O, no clock.

use crate::config::values::Section;
use crate::settings::problems::Report;

/// The endpoint of a source or a target. Plain HTTP that leaves this machine is a warning.
pub(super) fn endpoint(section: &Section<'_>, report: &mut Report) -> Option<String> {
    let endpoint = section.filled_text("endpoint")?;
    if let Some(host) = endpoint.strip_prefix("http://")
        && !is_loopback(host)
    {
        let message = format!(
            "`endpoint` is {endpoint}: rows go to another machine in the clear, and can be read and changed on the way; use \
             https:// where the network is not your own"
        );
        report.warning(section.place("endpoint"), message);
    }
    Some(endpoint)
}

/// Whether what a host stands for is this machine, whoever answers DNS: RFC 6761 keeps `localhost` and what ends in it.
fn is_loopback(host_and_port: &str) -> bool {
    let host_and_port = host_and_port.trim_end_matches('/');
    let host = match host_and_port.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => host_and_port.split(':').next().unwrap_or_default(),
    };
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || name == "::1" || is_ipv4_loopback(&name)
}

/// 127.0.0.0/8 (RFC 1122), as four numbers.
fn is_ipv4_loopback(host: &str) -> bool {
    let numbers: Option<Vec<u8>> = host.split('.').map(|part| part.parse().ok()).collect();
    matches!(numbers.as_deref(), Some([127, _, _, _]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cannot_leave_the_machine_is_loopback() {
        for host in [
            "localhost",
            "LOCALHOST:4567/",
            "s3.localhost:9000",
            "127.0.0.1:9000",
            "127.1.2.3",
            "[::1]:80",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "minio:9000",
            "127.0.0.1.evil.example",
            "notlocalhost",
            "10.0.0.1:80",
            "[fe80::1]",
            "0.0.0.0",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
