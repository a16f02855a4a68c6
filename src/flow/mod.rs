//! Flow control: credits bound the bytes in flight; edges are the only code that touches actor addresses.

pub mod budget;
pub mod edge;
pub mod fuse;
pub mod halt;
