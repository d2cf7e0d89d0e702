//! Watches a run for the page: how far each file under way is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contract::JobEvent;
use control::InputRecord;
use control_local::Observer;
use operation::Progress;

/// How far the files under way are, by key, 0 to 1. Cheap to clone.
#[derive(Clone, Default)]
pub struct Watch(Arc<Mutex<BTreeMap<String, f64>>>);

impl Watch {
    /// The files under way.
    pub(crate) fn now(&self) -> BTreeMap<String, f64> {
        self.files().clone()
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<String, f64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Watch {
    fn expected(&self, _: usize) {}

    fn started(&self, key: &str) -> Progress {
        self.files().insert(key.to_owned(), 0.0);
        let (watch, key) = (self.clone(), key.to_owned());
        Progress::new(move |fraction| {
            if let Some(file) = watch.files().get_mut(&key) {
                // To the percent: the page is told of no finer change.
                *file = (fraction * 100.0).floor() / 100.0;
            }
        })
    }

    fn stopped(&self, key: &str) {
        self.files().remove(key);
    }

    fn told(&self, _: &JobEvent) {}

    fn ended(&self, _: &InputRecord) {}
}
