//! Which requests may take the fast path: work that a function ends within seconds, in one processor and little memory.
//!
//! A request takes it only if each of its operations does. Whatever is decided here is an expectation: work that takes longer, or
//! needs what a function cannot give it, ends there as temporary and goes the ordinary way.

use std::time::Duration;

use serde::Serialize;

use crate::{Engine, Format, Operations};

const MIB: u64 = 1 << 20;

/// How an operation takes the fast path. The times are those of a processor of a function (1,769 MB), the start of a worker and the
/// requests to S3 included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FastPath {
    /// The largest input, bytes.
    pub max_bytes: u64,
    /// Milliseconds that the smallest input takes.
    pub milliseconds: u64,
    /// Milliseconds more for each MiB of the input.
    pub milliseconds_per_mib: u64,
}

impl FastPath {
    /// From MiB, milliseconds, and milliseconds for each MiB.
    pub const fn of(max_mib: u64, milliseconds: u64, milliseconds_per_mib: u64) -> Self {
        Self { max_bytes: max_mib * MIB, milliseconds, milliseconds_per_mib }
    }

    /// For work whose time does not depend on the input's size, which is read in ranges.
    pub const fn of_any_size(milliseconds: u64) -> Self {
        Self { max_bytes: u64::MAX, milliseconds, milliseconds_per_mib: 0 }
    }

    /// The same work so many times.
    #[must_use]
    pub const fn times(self, count: u64) -> Self {
        Self {
            milliseconds: self.milliseconds * count,
            milliseconds_per_mib: self.milliseconds_per_mib * count,
            ..self
        }
    }

    /// How long an input of so many bytes takes.
    pub fn expected(&self, bytes: u64) -> Duration {
        let of_size = u128::from(bytes) * u128::from(self.milliseconds_per_mib) / u128::from(MIB);
        Duration::from_millis(self.milliseconds.saturating_add(u64::try_from(of_size).unwrap_or(u64::MAX)))
    }
}

/// How long a request is expected to take on the fast path, or why it does not take it, in words.
///
/// ```
/// use catalog::{Format, fast_path};
/// use std::time::Duration;
/// let most = Duration::from_secs(10);
/// let small = fast_path(&"resize?width=800".parse().unwrap(), Format::Jpeg, 5_000_000, most);
/// assert!(small.unwrap() < Duration::from_secs(3));
/// let long = fast_path(&"transcode".parse().unwrap(), Format::Mp4, 5_000_000, most);
/// assert_eq!(long.unwrap_err(), "transcode never takes it");
/// ```
pub fn fast_path(operations: &Operations, format: Format, bytes: u64, most: Duration) -> Result<Duration, String> {
    if format.names_companions() {
        return Err(format!("a {} file may name files beside it, which are not read there", format.name()));
    }
    let mut expected = Duration::ZERO;
    for operation in operations {
        let name = operation.name();
        if operation.profile().fast_path.is_none() {
            return Err(format!("{name} never takes it"));
        }
        if operation.engine() != Engine::Native {
            return Err(format!("{name} asks a managed service, for which functions have no rights"));
        }
        let Some(fast_path) = operation.fast_path() else {
            return Err(format!("{name} does not take it with these options"));
        };
        if bytes > fast_path.max_bytes {
            return Err(format!("{name} takes it up to {} MiB", fast_path.max_bytes / MIB));
        }
        expected = expected.saturating_add(fast_path.expected(bytes));
    }
    if expected > most {
        let (expected, most) = (expected.as_secs_f64(), most.as_secs_f64());
        return Err(format!("it would take about {expected:.1} s, more than {most} s"));
    }
    Ok(expected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Access, OPERATIONS};

    const MOST: Duration = Duration::from_secs(10);

    fn decided(option: &str, format: Format, bytes: u64) -> Result<Duration, String> {
        let operations = Operations::parse_for(format.kind(), option).unwrap();
        fast_path(&operations, format, bytes, MOST)
    }

    #[test]
    fn small_work_takes_it_and_large_work_says_why_not() {
        for (option, format, mib) in [
            ("text", Format::Pdf, 32),
            ("resize?width=800&format=webp", Format::Jpeg, 20),
            ("extract", Format::Jpeg, 20),
            ("recognise", Format::Jpeg, 20),
            ("convert?format=avif", Format::Png, 4),
            ("optimise", Format::Glb, 16),
            ("probe", Format::Mp4, 50_000),
            ("keyframes?select=count=20", Format::Mp4, 2048),
        ] {
            assert!(decided(option, format, mib * MIB).is_ok(), "{option}: {:?}", decided(option, format, mib * MIB));
        }
        for (option, format, mib, reason) in [
            ("text", Format::Pdf, 33, "text takes it up to 32 MiB"),
            ("resize?width=800,convert?format=avif", Format::Jpeg, 5, "convert takes it up to 4 MiB"),
            ("transcode", Format::Mp4, 1, "transcode never takes it"),
            ("keyframes", Format::Mp4, 1, "keyframes does not take it with these options"),
            ("optimise,render", Format::Glb, 1, "render never takes it"),
            ("recognise?engine=rekognition", Format::Jpeg, 1, "recognise asks a managed service"),
            ("optimise", Format::Gltf, 1, "may name files beside it"),
            ("optimise", Format::Obj, 1, "may name files beside it"),
        ] {
            let refused = decided(option, format, mib * MIB).unwrap_err();
            assert!(refused.contains(reason), "{option}: {refused}");
        }
    }

    #[test]
    fn what_takes_too_long_together_does_not_take_it() {
        let widths: Vec<String> = (1..=60).map(|width| (width * 20).to_string()).collect();
        let refused =
            decided(&format!("resize?widths={}&format=avif", widths.join(",")), Format::Jpeg, 15 * MIB).unwrap_err();
        assert!(refused.contains("more than 10 s"), "{refused}");
        assert!(
            decided("recognise?effort=3", Format::Jpeg, MIB).unwrap()
                > decided("recognise", Format::Jpeg, MIB).unwrap()
        );
    }

    #[test]
    fn only_what_is_read_in_ranges_may_be_of_any_size() {
        for declaration in OPERATIONS {
            let profile = &declaration.profile;
            let is_bounded = profile.fast_path.is_none_or(|fast_path| fast_path.max_bytes <= 32 * MIB);
            assert!(is_bounded || profile.access == Access::Ranged, "{}", declaration.name);
            assert!(profile.fast_path.is_none() || !profile.streams_outputs, "{}", declaration.name);
        }
    }
}
