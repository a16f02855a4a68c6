//! A port on loopback before a server.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;

/// Takes connections that are meant for a server.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) listener: TcpListener,
    /// Where the server is.
    pub(crate) backend: SocketAddr,
    /// Base URL of this port.
    pub(crate) endpoint: String,
}

impl Listening {
    /// Before the server with this base URL.
    pub(crate) async fn before(backend: &str) -> Result<Self, String> {
        let backend = backend
            .trim_start_matches("http://")
            .parse()
            .map_err(|error| format!("{backend} is not an address: {error}"))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.map_err(|error| format!("cannot listen on 127.0.0.1: {error}"))?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        Ok(Self {
            listener,
            backend,
            endpoint: format!("http://{address}"),
        })
    }
}
