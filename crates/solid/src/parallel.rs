//! Work in chunks on several threads, with the same result for any number of them: the chunks do not depend on the threads,
//! and what they give is put together in their order.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// What `work` gives for each of `count` chunks, in their order.
pub fn map<T: Send>(count: usize, threads: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let threads = threads.min(count).max(1);
    if threads == 1 {
        return (0..count).map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<T>>> = Mutex::new((0..count).map(|_| None).collect());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count {
                        break;
                    }
                    let result = work(at);
                    results.lock().unwrap_or_else(PoisonError::into_inner)[at] = Some(result);
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.into_iter().map(|result| result.expect("every chunk was worked on")).collect()
}

/// Runs `work` on chunks of `length` elements, each with its number.
pub fn chunks<T: Send>(data: &mut [T], length: usize, threads: usize, work: impl Fn(usize, &mut [T]) + Sync) {
    let count = data.len().div_ceil(length.max(1));
    let threads = threads.min(count).max(1);
    if threads == 1 {
        data.chunks_mut(length.max(1)).enumerate().for_each(|(at, chunk)| work(at, chunk));
        return;
    }
    let waiting = Mutex::new(data.chunks_mut(length.max(1)).enumerate());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((at, chunk)) = next else { break };
                    work(at, chunk);
                }
            });
        }
    });
}

/// Runs `work` on each of some things that do not share anything.
pub fn each<T: Send>(items: Vec<T>, threads: usize, work: impl Fn(T) + Sync) {
    let threads = threads.min(items.len()).max(1);
    if threads == 1 {
        items.into_iter().for_each(work);
        return;
    }
    let waiting = Mutex::new(items.into_iter());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(item) = next else { break };
                    work(item);
                }
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_order_for_any_number_of_threads() {
        let expected: Vec<usize> = (0..100).map(|at| at * at).collect();
        for threads in [1, 2, 7] {
            assert_eq!(map(100, threads, |at| at * at), expected);
            let mut data: Vec<usize> = vec![0; 1001];
            chunks(&mut data, 10, threads, |chunk, own| {
                own.iter_mut().enumerate().for_each(|(at, v)| *v = chunk * 10 + at);
            });
            assert!(data.iter().enumerate().all(|(at, value)| at == *value));
        }
    }
}
