//! What a task knows of itself between two lives: the stores that keep it, and the protocol that relies on them.

mod conformance;
#[path = "../support/copy_folder.rs"]
mod copy_folder;
mod damage;
mod durability;
mod export;
mod live_damage;
mod power_cut;
mod put_back;
mod simulation;
mod snapshot;
