use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static TOLERATED: Cell<bool> = const { Cell::new(false) };
}

/// Calls a library of others on a part of the input (a profile, a mesh, a sheet) of which the caller has something to say, or
/// which the result can do without. None if the library panics, which is neither logged nor the end of the operation. Code of
/// our own stays outside of the call: its panics are bugs, and the worker reports them.
pub fn tolerate_panics<T>(call: impl FnOnce() -> T) -> Option<T> {
    let before = TOLERATED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(call));
    TOLERATED.set(before);
    result.ok()
}

/// Whether this thread is within [`tolerate_panics`]. The worker's panic hook asks, so that a later panic is not taken for
/// the consequence of a tolerated one.
pub fn is_panic_tolerated() -> bool {
    TOLERATED.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_tolerated_within_the_call_and_nowhere_else() {
        assert!(!is_panic_tolerated());
        assert_eq!(tolerate_panics(is_panic_tolerated), Some(true));
        assert_eq!(tolerate_panics(|| tolerate_panics(|| 1).map(|_| is_panic_tolerated())), Some(Some(true)));
        assert_eq!(tolerate_panics(|| std::panic::resume_unwind(Box::new("damaged")) as u8), None);
        assert!(!is_panic_tolerated());
    }
}
