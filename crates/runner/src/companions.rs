//! Files beside the input, for formats that name some: a glTF's buffers and images, an OBJ's materials.

use std::fs::File;
use std::path::PathBuf;

use contract::{Failure, FailureKind, Location};
use operation::{CompanionSource, Progress};
use store::Store;
use tokio::runtime::Handle;

/// Serves objects below the folder (or key prefix) of one object, and no others.
pub(crate) struct StoreCompanions {
    store: Store,
    of: Location,
    scratch: PathBuf,
    runtime: Handle,
}

impl StoreCompanions {
    pub(crate) fn new(store: Store, of: Location, scratch: PathBuf, runtime: Handle) -> Self {
        Self { store, of, scratch, runtime }
    }
}

impl CompanionSource for StoreCompanions {
    /// `relative` has been checked by the worker's parent: plain components below the folder.
    fn open(&self, relative: &str) -> Result<File, Failure> {
        let location = self.of.sibling(relative);
        let fetched = self.runtime.block_on(async {
            let version = self.store.head(&location).await?;
            self.store.fetch_whole(&version, &self.scratch, &Progress::silent()).await
        });
        fetched.map(|copy| copy.file).map_err(|failure| match failure.kind() {
            FailureKind::InputNotFound => {
                Failure::invalid_input(format!("{} names {relative:?}, which was not found next to it", self.of))
            }
            _ => failure,
        })
    }
}
