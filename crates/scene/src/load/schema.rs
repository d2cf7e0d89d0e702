//! What the schema of glTF 2.0 says of a file, by the types of the crate `gltf`. It is told, and no more: files stray from
//! it in ways that do no harm, and what does harm the loader refuses itself.

use gltf::json::validation::{Error, Validate};
use gltf::json::{Path, Root};

/// How many faults are told one by one.
const MOST_TOLD: usize = 5;

/// Warnings about the JSON of a file that has been loaded: the types look accessors up by number without asking whether
/// they are there.
pub fn warnings(json: &[u8]) -> Vec<String> {
    let root: Root = match serde_json::from_slice(json) {
        Ok(root) => root,
        Err(error) => return vec![format!("the file strays from the schema of glTF 2.0: {error}")],
    };
    let mut faults = Vec::new();
    let mut untold = 0;
    root.validate(&root, Path::new, &mut |path, error| {
        // The crate knows few extensions, this program others.
        if error == Error::Unsupported {
            return;
        }
        if faults.len() < MOST_TOLD {
            faults.push(format!("the file is not valid glTF 2.0: {}: {error}", path()));
        } else {
            untold += 1;
        }
    });
    if untold > 0 {
        faults.push(format!("the file is not valid glTF 2.0 in {untold} more places"));
    }
    faults
}
