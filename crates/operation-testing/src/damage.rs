//! Damaged copies of files, the same everywhere, and what a job's real program makes of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use catalog::{MediaKind, ProcessingOption};
use contract::{FailureKind, JobEvent, JobRequest, SCHEMA_VERSION, Source};

/// How the program ended for each of `count` damaged copies of `seeds`: never as an internal failure. A panic of a library is
/// such a file's fault, one of ours is not, and neither is a crash or a limit.
pub fn no_damage_is_an_internal_failure(
    program: &str,
    kind: MediaKind,
    seeds: &[(String, Vec<u8>)],
    options: &[&str],
    count: u64,
) {
    let folder = tempfile::tempdir().unwrap();
    let mut list = String::new();
    for number in 0..count {
        let mut random = Random::numbered(number);
        let (name, bytes) = &seeds[random.below(seeds.len())];
        let mut bytes = bytes.clone();
        random.damage(&mut bytes);
        let path = folder.path().join(format!("{number}-{name}"));
        fs_err::write(&path, &bytes).unwrap();
        let request = JobRequest {
            schema_version: SCHEMA_VERSION,
            job_id: format!("job-{number}"),
            source: Source {
                bucket: None,
                key: path.to_str().unwrap().to_owned(),
                version_id: None,
                etag: None,
                size: bytes.len() as u64,
            },
            processing_option: ProcessingOption::new(kind, options[random.below(options.len())]),
            uploaded_at: None,
        };
        writeln!(list, "{}", serde_json::to_string(&request).unwrap()).unwrap();
    }
    let path = folder.path().join("list.jsonl");
    fs_err::write(&path, list).unwrap();
    let done = run(program, &path, &folder.path().join("out"));
    let mut ends: BTreeMap<&str, u32> = BTreeMap::new();
    for line in done.lines() {
        let event: JobEvent = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let kind = event.error.as_ref().map(|error| error.kind);
        let is_expected = matches!(kind, None | Some(FailureKind::InvalidInput | FailureKind::InputNotFound));
        assert!(is_expected, "{}: {:?}", event.source.key, event.error);
        *ends.entry(if kind.is_none() { "succeeded" } else { "refused" }).or_default() += 1;
    }
    assert_eq!(ends.values().map(|count| u64::from(*count)).sum::<u64>(), count, "each file has its event");
    // Else the damage would be such that nothing is tried.
    assert!(ends.len() == 2 && ends.values().all(|part| u64::from(*part) * 20 > count), "{ends:?}");
}

fn run(program: &str, list: &Path, output: &Path) -> String {
    let mut command = Command::new(program);
    command.args(["run", "--output-format", "json", "--manifest"]).arg(list).arg("--output").arg(output);
    let done = command.env("AWS_EC2_METADATA_DISABLED", "true").output().unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    assert!(!said.is_empty(), "{}", String::from_utf8_lossy(&done.stderr));
    said
}

/// xorshift64*, so that a number gives the same damage everywhere.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// The generator of one numbered try.
    pub fn numbered(number: u64) -> Self {
        Self(number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number from 0 to below the limit.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % limit.max(1)
    }

    /// Up to four faults: bits, bytes, lengths, missing and doubled parts, a file that ends early.
    fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            let length = bytes.len();
            // Structure is at the front: half of the damage is there. The first bytes stay, by which the format is known.
            let at = 12 + if self.below(2) == 0 { self.below(length.min(1500)) } else { self.below(length) };
            let end = (at + 1 + self.below(40)).min(length);
            if at >= end {
                continue;
            }
            match self.below(8) {
                0 | 1 => bytes[at] ^= 1 << self.below(8),
                2 => bytes[at] = [0, 1, 127, 128, 255][self.below(5)],
                3 => drop(bytes.drain(at..end)),
                4 => {
                    let copy = bytes[at..end].to_vec();
                    bytes.splice(at..at, copy);
                }
                5 => bytes.truncate(at),
                6 => bytes[at..end].fill(0xFF),
                _ => bytes[at..end].fill(0),
            }
        }
    }
}
