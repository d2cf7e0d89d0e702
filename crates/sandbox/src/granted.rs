//! What this program may use of the machine, which may show much more than that.
//!
//! A container's processors are a quota of its control group, which the standard library knows, but not on AWS Batch over
//! EC2: vCPUs are Docker's `--cpu-shares` there, a weight that nothing in the container tells of. So whoever starts a job
//! says how many it has (`JOB_PROCESSORS`). The control group knows the memory everywhere.

use std::sync::OnceLock;

/// The variable by which a job is told how many processors it has.
pub(crate) const PROCESSORS: &str = "JOB_PROCESSORS";

/// How many threads can run at once: as many as the environment says, and no more than the quota, the affinity and the
/// machine allow. Asked for once a program, before there are workers: these cannot see the control group.
pub fn processors() -> usize {
    static GRANTED: OnceLock<usize> = OnceLock::new();
    *GRANTED.get_or_init(|| processors_of(std::env::var(PROCESSORS).ok().as_deref(), seen()))
}

/// As many as somebody asks for, and no more than there are.
pub(crate) fn at_most(asked: usize) -> usize {
    asked.clamp(1, seen())
}

/// Bytes of memory beyond which the kernel ends this container, if there is such a limit.
pub fn memory() -> Option<u64> {
    let read = |path| fs_err::read_to_string(path).ok();
    memory_of(
        read("/sys/fs/cgroup/memory.max").as_deref(),
        read("/sys/fs/cgroup/memory/memory.limit_in_bytes").as_deref(),
    )
}

fn seen() -> usize {
    static SEEN: OnceLock<usize> = OnceLock::new();
    *SEEN.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// What is not a number is the command line's to refuse, which reads the same variable.
fn processors_of(told: Option<&str>, seen: usize) -> usize {
    told.and_then(|told| told.trim().parse().ok()).map_or(seen, |told: usize| told.clamp(1, seen.max(1)))
}

/// The limit by the files of control groups in their second and first version.
fn memory_of(second: Option<&str>, first: Option<&str>) -> Option<u64> {
    // Without a limit, the second version says "max", and the first a number near the largest.
    const NONE: u64 = 1 << 60;
    let limit = |text: &str| text.trim().parse().ok().filter(|bytes| *bytes < NONE);
    second.map_or_else(|| first.and_then(limit), limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_uses_the_processors_that_it_was_given_and_no_more_than_there_are() {
        assert_eq!(processors_of(Some("2"), 128), 2);
        assert_eq!(processors_of(Some("16"), 4), 4);
        assert_eq!(processors_of(None, 4), 4);
        assert_eq!(processors_of(Some("0"), 4), 1);
        assert_eq!(processors_of(Some("many"), 4), 4);
    }

    #[test]
    fn the_control_group_knows_the_memory() {
        assert_eq!(memory_of(Some("536870912\n"), None), Some(512 << 20));
        assert_eq!(memory_of(Some("max\n"), Some("536870912\n")), None);
        assert_eq!(memory_of(None, Some("536870912\n")), Some(512 << 20));
        assert_eq!(memory_of(None, Some("9223372036854771712\n")), None);
        assert_eq!(memory_of(None, None), None);
    }
}
