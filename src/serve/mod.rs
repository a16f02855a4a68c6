//! What a running task serves over HTTP: metrics, health, its state, and orders to it. Reading takes what the task
//! publishes anyway, and holds nothing up: no request reaches an actor. Orders go to the [`desk`].

mod access;
mod api;
pub mod comparing;
mod connections;
pub mod desk;
pub mod health;
mod emf;
mod figures;
mod measuring;
pub mod openapi;
mod pace;
mod page;
mod process;
mod progress;
mod readings;
pub mod routes;
mod server;
mod snapshot;
mod view;
mod waits;

pub use self::emf::EmfMeter;
pub use self::progress::Beat;
pub use self::server::{Listening, Serving};
pub use self::view::View;
