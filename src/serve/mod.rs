//! What a running task serves over HTTP: metrics, health, and its state. It reads what the task publishes anyway, and
//! holds nothing up: no request reaches an actor, the source or the target.

mod access;
pub mod health;
mod emf;
mod figures;
mod measuring;
mod pace;
mod page;
mod process;
mod progress;
mod readings;
mod server;
mod view;

pub use self::emf::EmfMeter;
pub use self::progress::Beat;
pub use self::server::{Listening, Serving};
pub use self::view::View;
