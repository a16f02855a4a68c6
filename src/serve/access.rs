//! Who may ask what. Pure: no I/O, no clock.
//!
//! A page of the internet that a browser on this machine has open can send requests to loopback addresses. It cannot
//! choose the name in `Host`: with a name of its own that it made lead here, the browser sends that one.

use core::net::{IpAddr, SocketAddr};

use crate::settings::ApiToken;

/// Why somebody may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// The request is for another host.
    #[error("this is not a name of this host; ask by its address, or by localhost")]
    Host,
    /// Another process is meant.
    #[error("another process is served here than the one that is asked for")]
    Process,
    /// The token is missing or another one.
    #[error("send the token of api.token as `Authorization: Bearer TOKEN`")]
    Token,
    /// There is no token to know, and something would change.
    #[error("set api.token: orders are taken only from who knows it")]
    NoOrders,
    /// A page of another origin asks.
    #[error("orders are not taken from pages of another origin")]
    Origin,
    /// There is no token to know.
    #[error(
        "at an address that is not of this machine alone only health is served; set api.token for the rest"
    )]
    NoToken,
}

/// The rules of a server.
#[derive(Debug, Clone)]
pub(super) struct Access {
    listen: SocketAddr,
    token: Option<ApiToken>,
}

impl Access {
    pub(super) fn new(listen: SocketAddr, token: Option<ApiToken>) -> Self {
        Self { listen, token }
    }

    /// Whether a request may be answered at all.
    ///
    /// # Errors
    /// [`Refusal::Host`].
    pub(super) fn check_host(&self, host: Option<&str>) -> Result<(), Refusal> {
        if !self.listen.ip().is_loopback() {
            return Ok(());
        }
        let name = host.map(name_of).unwrap_or_default();
        let address: Option<IpAddr> = name.trim_matches(['[', ']']).parse().ok();
        let is_own =
            name.eq_ignore_ascii_case("localhost") || address.is_some_and(|address| address.is_loopback());
        if is_own { Ok(()) } else { Err(Refusal::Host) }
    }

    /// Whether more than health may be read.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn check_read(&self, authorization: Option<&str>) -> Result<(), Refusal> {
        let Some(token) = &self.token else {
            let is_own = self.listen.ip().is_loopback();
            return if is_own { Ok(()) } else { Err(Refusal::NoToken) };
        };
        let given = authorization.and_then(|text| text.strip_prefix("Bearer "));
        if given.is_some_and(|given| token.is(given.trim())) {
            Ok(())
        } else {
            Err(Refusal::Token)
        }
    }
}

impl Access {
    /// Whether something may be changed: only with the token, and by no page of another origin.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn check_order(
        &self,
        authorization: Option<&str>,
        origin: Option<&str>,
        host: Option<&str>,
    ) -> Result<(), Refusal> {
        if self.token.is_none() {
            return Err(Refusal::NoOrders);
        }
        self.check_read(authorization)?;
        let Some(origin) = origin else {
            return Ok(());
        };
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        let is_own =
            authority.is_some_and(|authority| host.is_some_and(|host| authority.eq_ignore_ascii_case(host)));
        if is_own { Ok(()) } else { Err(Refusal::Origin) }
    }
}

/// The name in a `Host`, without the port.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(listen: &str, token: Option<&str>) -> Access {
        let token = token.map(|token| ApiToken::new(token.to_owned()));
        Access::new(listen.parse().unwrap(), token)
    }

    #[test]
    fn a_name_that_leads_here_is_not_a_name_of_this_host() {
        let local = access("127.0.0.1:8686", None);
        for own in [
            "127.0.0.1:8686",
            "localhost:8686",
            "LOCALHOST",
            "[::1]:8686",
            "127.0.0.2",
        ] {
            assert_eq!(local.check_host(Some(own)), Ok(()), "{own}");
        }
        for other in [
            "evil.example:8686",
            "evil.example",
            "10.0.0.1",
            "localhost.evil.example",
            "",
        ] {
            assert_eq!(local.check_host(Some(other)), Err(Refusal::Host), "{other}");
        }
        assert_eq!(local.check_host(None), Err(Refusal::Host));
        assert_eq!(
            access("0.0.0.0:8686", None).check_host(Some("brigade.internal")),
            Ok(())
        );
    }

    #[test]
    fn orders_take_the_token_and_no_page_of_another_origin() {
        let open = access("127.0.0.1:1", None);
        assert_eq!(open.check_order(None, None, None), Err(Refusal::NoOrders));
        let access = access("127.0.0.1:1", Some("sixteen-letters!"));
        let right = Some("Bearer sixteen-letters!");
        let host = Some("127.0.0.1:1");
        assert_eq!(access.check_order(right, None, host), Ok(()));
        assert_eq!(
            access.check_order(right, Some("http://127.0.0.1:1"), host),
            Ok(())
        );
        for foreign in ["http://evil.example", "null", "http://127.0.0.1:2", ""] {
            assert_eq!(
                access.check_order(right, Some(foreign), host),
                Err(Refusal::Origin),
                "{foreign}"
            );
        }
        assert_eq!(access.check_order(None, None, host), Err(Refusal::Token));
        assert_eq!(
            access.check_order(Some("Bearer x"), None, host),
            Err(Refusal::Token)
        );
    }

    #[test]
    fn everything_but_health_takes_the_token_and_one_where_others_can_ask() {
        assert_eq!(access("127.0.0.1:1", None).check_read(None), Ok(()));
        // Whoever sets a token means it: a proxy on this machine lets others ask.
        let behind_proxy = access("127.0.0.1:1", Some("sixteen-letters!"));
        assert_eq!(behind_proxy.check_read(None), Err(Refusal::Token));
        assert_eq!(behind_proxy.check_read(Some("Bearer sixteen-letters!")), Ok(()));
        assert_eq!(
            access("0.0.0.0:1", None).check_read(Some("Bearer x")),
            Err(Refusal::NoToken)
        );
        let open = access("0.0.0.0:1", Some("sixteen-letters!"));
        assert_eq!(open.check_read(Some("Bearer sixteen-letters!")), Ok(()));
        for wrong in [
            None,
            Some("Bearer other"),
            Some("sixteen-letters!"),
            Some("Basic x"),
        ] {
            assert_eq!(open.check_read(wrong), Err(Refusal::Token), "{wrong:?}");
        }
    }
}
