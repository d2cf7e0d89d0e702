use std::time::Duration;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::granted;

const HEADING: &str = "Limits of the worker";

/// What one operation may use. Exceeding a limit ends the worker; the job then fails with a reason that names the limit
/// and the flag that raises it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Args)]
#[group(skip)]
// The ids are the long names, because the fields' own could be those of an operation's options, which are in the same command.
pub struct Limits {
    /// Memory of one operation (address space, the mapped input not counted), such as 512MiB or 4GiB
    #[arg(id = "memory-limit", long = "memory-limit", env = "JOB_MEMORY_LIMIT", value_name = "SIZE", value_parser = parse_size,
          default_value = "4GiB", help_heading = HEADING)]
    pub memory: u64,
    /// CPU time of one operation, summed over its threads; operations that last as long as their input get a multiple
    #[arg(id = "cpu-limit", long = "cpu-limit", env = "JOB_CPU_LIMIT", value_name = "SECONDS", value_parser = parse_seconds,
          default_value = "28800", help_heading = HEADING)]
    pub cpu: Duration,
    /// Wall-clock time of one operation; operations that last as long as their input get a multiple
    #[arg(id = "time-limit", long = "time-limit", env = "JOB_TIME_LIMIT", value_name = "SECONDS", value_parser = parse_seconds,
          default_value = "7200", help_heading = HEADING)]
    pub wall: Duration,
    /// Total size of the outputs of one operation
    #[arg(id = "output-limit", long = "output-limit", env = "JOB_OUTPUT_LIMIT", value_name = "SIZE", value_parser = parse_size,
          default_value = "20GiB", help_heading = HEADING)]
    pub output_bytes: u64,
    /// Open files of one operation
    #[arg(id = "open-files-limit", long = "open-files-limit", env = "JOB_OPEN_FILES_LIMIT", value_name = "COUNT", default_value_t = 256,
          value_parser = clap::value_parser!(u64).range(16..=65536), help_heading = HEADING)]
    pub open_files: u64,
    /// Threads that run at once, in one operation and of operations beside each other [default: the processors that this
    /// program may use]
    #[arg(long = "processors", env = "JOB_PROCESSORS", value_name = "COUNT",
          value_parser = clap::value_parser!(u16).range(1..=4096), help_heading = HEADING)]
    pub processors: Option<u16>,
}

impl Limits {
    /// How many threads may run at once.
    pub fn processors(&self) -> usize {
        self.processors.map_or_else(granted::processors, |asked| granted::at_most(asked.into()))
    }

    /// The same with the number of processors said.
    pub(super) fn with_processors(&self) -> Self {
        Self { processors: u16::try_from(self.processors()).ok(), ..self.clone() }
    }
}

/// The limits that hold when nobody says otherwise, those of the command line.
impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 4 << 30,
            cpu: Duration::from_hours(8),
            wall: Duration::from_hours(2),
            output_bytes: 20 << 30,
            open_files: 256,
            processors: None,
        }
    }
}

/// Bytes in the largest unit that leaves a whole number.
pub(super) fn size_in_words(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    UNITS
        .iter()
        .find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit))
        .map_or_else(|| format!("{bytes} bytes"), |(unit, name)| format!("{} {name}", bytes / unit))
}

fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim() {
        "" | "B" => 1,
        "KiB" | "K" => 1 << 10,
        "MiB" | "M" => 1 << 20,
        "GiB" | "G" => 1 << 30,
        "TiB" | "T" => 1 << 40,
        "KB" | "kB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return Err(format!("{unit:?} is not a valid unit; use one of B, KiB, MiB, GiB, TiB, KB, MB, GB and TB")),
    };
    let number: u64 = number.parse().map_err(|_| "expected a whole number with a unit, such as 512MiB".to_owned())?;
    match number.checked_mul(factor) {
        Some(0) => Err("the limit must be greater than 0".to_owned()),
        Some(size) if i64::try_from(size).is_ok() => Ok(size),
        _ => Err("the limit is larger than a file can be".to_owned()),
    }
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<u32>() {
        Ok(0) | Err(_) => Err("expected a whole number of seconds, 1 or more".to_owned()),
        Ok(seconds) => Ok(Duration::from_secs(seconds.into())),
    }
}

#[cfg(test)]
mod tests {
    use clap::{Command, FromArgMatches};

    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Limits, clap::Error> {
        let command = Limits::augment_args(Command::new("job").no_binary_name(true));
        Limits::from_arg_matches(&command.try_get_matches_from(arguments)?)
    }

    #[test]
    fn the_defaults_of_the_code_are_those_of_the_command_line() {
        assert_eq!(parsed(&[]).unwrap(), Limits::default());
    }

    #[test]
    fn sizes_take_units_and_seconds_are_whole() {
        let limits = parsed(&["--memory-limit", "512MiB", "--output-limit=3GB", "--time-limit", "90"]).unwrap();
        assert_eq!(limits.memory, 512 << 20);
        assert_eq!(limits.output_bytes, 3_000_000_000);
        assert_eq!(limits.wall, Duration::from_secs(90));
    }

    #[test]
    fn processors_are_those_asked_for_as_far_as_there_are() {
        let limits = parsed(&["--processors", "1"]).unwrap();
        assert_eq!((limits.processors(), limits.with_processors().processors), (1, Some(1)));
        let all = Limits::default().processors();
        assert_eq!(parsed(&["--processors", "4096"]).unwrap().processors(), all);
        assert!(parsed(&["--processors", "0"]).is_err());
    }

    #[test]
    fn what_is_no_size_or_time_is_refused_with_the_reason() {
        for (arguments, reason) in [
            (["--memory-limit", "4 gigs"], "is not a valid unit"),
            (["--memory-limit", "much"], "is not a valid unit"),
            (["--memory-limit", "0"], "must be greater than 0"),
            (["--output-limit", "99999999999TiB"], "larger than a file"),
            (["--time-limit", "0"], "1 or more"),
            (["--cpu-limit", "1.5"], "whole number"),
        ] {
            let message = parsed(&arguments).unwrap_err().to_string();
            assert!(message.contains(reason), "{message}");
        }
    }

    #[test]
    fn sizes_are_said_in_the_unit_that_fits() {
        assert_eq!(size_in_words(4 << 30), "4 GiB");
        assert_eq!(size_in_words(1536 << 20), "1536 MiB");
        assert_eq!(size_in_words(1000), "1000 bytes");
    }
}
