//! Every promise of a checkpoint store, on every backend.

use std::path::Path;

use anyhow::{Context, Result};
use bucket_brigade::checkpoint::store::CheckpointStore;
use bucket_brigade::checkpoint::store::conformance::{BEHAVIOURS, Backend};
use bucket_brigade::checkpoint::store::memory::MemoryStore;
use bucket_brigade::checkpoint::store::sled::{OpenOptions, SledStore};

struct InMemory(MemoryStore);

impl Backend for InMemory {
    fn store(&self) -> &dyn CheckpointStore {
        &self.0
    }

    fn reopen(&mut self) -> Result<()> {
        self.0 = self.0.reopen()?;
        Ok(())
    }
}

struct OnDisk {
    folder: tempfile::TempDir,
    store: Box<dyn CheckpointStore>,
}

impl OnDisk {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let store = open(folder.path())?;
        Ok(Self { folder, store })
    }
}

fn open(folder: &Path) -> Result<Box<dyn CheckpointStore>> {
    Ok(Box::new(SledStore::open(folder, &OpenOptions::new("orders"))?))
}

impl Backend for OnDisk {
    fn store(&self) -> &dyn CheckpointStore {
        self.store.as_ref()
    }

    fn reopen(&mut self) -> Result<()> {
        // The folder can be open once only, so something else takes the place meanwhile.
        self.store = Box::new(MemoryStore::new());
        self.store = open(self.folder.path())?;
        Ok(())
    }
}

fn check_all(new_backend: impl Fn() -> Result<Box<dyn Backend>>) -> Result<()> {
    for (name, behaviour) in BEHAVIOURS {
        let mut backend = new_backend()?;
        behaviour(backend.as_mut()).with_context(|| format!("promise broken: {name}"))?;
    }
    Ok(())
}

#[test]
fn the_memory_store_keeps_every_promise() -> Result<()> {
    check_all(|| Ok(Box::new(InMemory(MemoryStore::new()))))
}

#[test]
fn the_sled_store_keeps_every_promise() -> Result<()> {
    check_all(|| Ok(Box::new(OnDisk::new()?)))
}
