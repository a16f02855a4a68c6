//! Connections that a server can break off. HTTP has no answer that says "no answer": the only way to leave a caller
//! in doubt is to take the connection away from under it, and for that a handler needs a hold of the connection.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// A hold of one connection. Cloning shares it.
#[derive(Clone, Default)]
pub(super) struct Wire(Arc<Hold>);

#[derive(Default)]
struct Hold {
    is_cut: AtomicBool,
    reader: AtomicWaker,
}

impl Wire {
    /// Breaks the connection off: nothing that was not written yet gets out, and the socket is closed.
    pub(super) fn cut(&self) {
        self.0.is_cut.store(true, Ordering::Release);
        self.0.reader.wake();
    }

    fn is_cut(&self) -> bool {
        self.0.is_cut.load(Ordering::Acquire)
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("is_cut", &self.is_cut()).finish()
    }
}

/// Takes connections that can be cut; a handler gets its [`Wire`] as `ConnectInfo`.
#[derive(Debug)]
pub(super) struct WireListener(pub(super) TcpListener);

/// The stream of one connection.
#[derive(Debug)]
pub(super) struct WireStream {
    stream: TcpStream,
    wire: Wire,
}

impl Listener for WireListener {
    type Io = WireStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (WireStream, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        // A small answer must not wait for the client's delayed acknowledgement of the one before.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY on a sandbox connection");
        }
        let wire = Wire::default();
        (WireStream { stream, wire }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, WireListener>> for Wire {
    fn connect_info(incoming: IncomingStream<'_, WireListener>) -> Self {
        incoming.io().wire.clone()
    }
}

impl WireStream {
    fn whole(&self) -> io::Result<()> {
        if self.wire.is_cut() {
            Err(io::Error::new(
                io::ErrorKind::ConnectionAborted,
                "cut by the sandbox",
            ))
        } else {
            Ok(())
        }
    }
}

impl AsyncRead for WireStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // The waker first: a cut between the two is seen either here or by being woken.
        self.wire.0.reader.register(context.waker());
        self.whole()?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for WireStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.whole()?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.whole()?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
