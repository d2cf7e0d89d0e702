//! How many threads an operation runs at once. It is told, because where it works it cannot find out: a container may be given
//! a few of a machine's processors without anything in it that says so.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Zero until somebody says it.
static PROCESSORS: AtomicUsize = AtomicUsize::new(0);

/// Said by whoever runs operations, before they begin.
pub fn set_processors(count: usize) {
    PROCESSORS.store(count, Ordering::Relaxed);
}

/// How many threads an operation may run at once; as many as the machine has where nobody said it.
pub fn processors() -> usize {
    match PROCESSORS.load(Ordering::Relaxed) {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        count => count,
    }
}
