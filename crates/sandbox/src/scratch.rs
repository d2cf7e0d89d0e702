//! The files that a worker has the parent make for its outputs.
//!
//! In the jail of limits a worker can open nothing, but calls that name a path work: it can remove, rename and cut files of its
//! user, and put a symbolic link in the place of one, which its parent would then read in its stead. So there the outputs have no
//! names while it works. The parent keeps them open, and gives them names once nothing of the worker runs any more, in a folder
//! that it makes anew.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use contract::Failure;
use operation::{OutputDescription, is_output_name};

use rustix::fs::{AtFlags, CWD};

use super::protocol::{GIVEN_OUTPUTS, MAX_OUTPUTS};

/// Removes everything it made when dropped, but for what was kept.
pub(super) struct Scratch<'a> {
    folder: &'a Path,
    files: HashMap<String, Held>,
    /// Sizes of complete files, which may be gone by now: stored elsewhere.
    finished: HashMap<String, u64>,
    folders: BTreeSet<PathBuf>,
    /// Files without a name that the worker has as well, by their number in its list.
    given: Vec<File>,
}

/// An output.
enum Held {
    /// A file of the folder.
    At(PathBuf),
    /// One of those that came with the work.
    Given(usize),
}

impl<'a> Scratch<'a> {
    pub(super) fn new(folder: &'a Path) -> Self {
        Self { folder, files: HashMap::new(), finished: HashMap::new(), folders: BTreeSet::new(), given: Vec::new() }
    }

    /// Makes the files that come with the work.
    pub(super) fn give(&mut self) -> io::Result<&[File]> {
        for _ in 0..GIVEN_OUTPUTS {
            self.given.push(tempfile::tempfile_in(self.folder)?);
        }
        Ok(&self.given)
    }

    /// Which of the files that came with the work a new output is.
    pub(super) fn assign(&mut self, name: &str) -> Result<usize, Assigned> {
        self.check_new(name).map_err(Assigned::Refused)?;
        let is_there = self.files.keys().any(|other| {
            let (one, another) = (Path::new(other), Path::new(name));
            one.starts_with(another) || another.starts_with(one)
        });
        if is_there {
            return Err(Assigned::Refused(Failure::internal(format!(
                "failed to create the output {name:?}: it exists"
            ))));
        }
        let index = self.files.len();
        if index >= self.given.len() {
            return Err(Assigned::UsedUp);
        }
        self.files.insert(name.to_owned(), Held::Given(index));
        Ok(index)
    }

    fn check_new(&self, name: &str) -> Result<(), Failure> {
        if !is_output_name(name) || name.chars().any(char::is_control) {
            let shown: String = name.chars().take(100).collect();
            return Err(Failure::internal(format!("{shown:?} is not a valid output name")));
        }
        if self.files.len() >= MAX_OUTPUTS {
            return Err(Failure::internal(format!("the operation makes more than {MAX_OUTPUTS} files")));
        }
        Ok(())
    }

    /// A new file below the folder.
    pub(super) fn create(&mut self, name: &str) -> Result<File, Failure> {
        self.check_new(name)?;
        let path = self.folder.join(name);
        let mut missing = Vec::new();
        for folder in path.ancestors().skip(1).take_while(|folder| *folder != self.folder) {
            if !folder.exists() {
                missing.push(folder.to_owned());
            }
        }
        let failed = |error: io::Error| Failure::from(error).context(format!("failed to create the output {name:?}"));
        if !missing.is_empty() {
            fs_err::create_dir_all(path.parent().unwrap_or(self.folder)).map_err(failed)?;
        }
        self.folders.extend(missing);
        let mut options = fs_err::OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).open(&path).map_err(failed)?;
        self.files.insert(name.to_owned(), Held::At(path));
        Ok(file.into_parts().0)
    }

    /// The worker says that an output is complete.
    pub(super) fn finished(&mut self, output: &OutputDescription) -> Result<(), Failure> {
        check_description(output)?;
        let size = self.files.get(&output.name).map(|held| self.size_of(held));
        match size {
            Some(size) if self.finished.insert(output.name.clone(), size).is_none() => Ok(()),
            _ => Err(not_made(output)),
        }
    }

    /// Bytes of all files together, those that were complete and are gone included.
    pub(super) fn size(&self) -> u64 {
        let sizes =
            self.files.iter().map(|(name, held)| self.size_of(held).max(self.finished.get(name).copied().unwrap_or(0)));
        sizes.fold(0, u64::saturating_add)
    }

    fn size_of(&self, held: &Held) -> u64 {
        match held {
            Held::At(path) => fs_err::symlink_metadata(path).map_or(0, |file| file.len()),
            Held::Given(index) => self.given[*index].metadata().map_or(0, |file| file.len()),
        }
    }

    /// Leaves the finished outputs, and nothing else, in the folder. Nothing of the worker may run any more.
    pub(super) fn keep(mut self, outputs: &[OutputDescription]) -> Result<(), Failure> {
        let mut names = BTreeSet::new();
        for output in outputs {
            check_description(output)?;
            if !names.insert(&output.name) || !self.files.contains_key(&output.name) {
                return Err(not_made(output));
            }
        }
        if !self.given.is_empty() {
            let named = self.name_given(outputs);
            named.map_err(|error| Failure::internal("failed to name the outputs").because(error))?;
        }
        for output in outputs {
            self.files.remove(&output.name);
        }
        Ok(())
    }

    /// Gives the files that came with the work their names, in a folder that nobody but this process has been in.
    fn name_given(&mut self, outputs: &[OutputDescription]) -> io::Result<()> {
        renew(self.folder)?;
        for output in outputs {
            let Some(Held::Given(index)) = self.files.get(&output.name) else { continue };
            let (mut file, path) = (&self.given[*index], self.folder.join(&output.name));
            fs_err::create_dir_all(path.parent().unwrap_or(self.folder))?;
            let open = format!("/proc/self/fd/{}", file.as_raw_fd());
            if rustix::fs::linkat(CWD, &open, CWD, &path, AtFlags::SYMLINK_FOLLOW).is_err() {
                // A file system that cannot give a nameless file a name.
                file.seek(SeekFrom::Start(0))?;
                let mut copy = fs_err::OpenOptions::new().write(true).create_new(true).open(&path)?;
                io::copy(&mut file, &mut copy)?;
            }
        }
        Ok(())
    }
}

/// Why no file is assigned to an output.
pub(super) enum Assigned {
    /// The worker asked for what it must not have.
    Refused(Failure),
    /// There are no more.
    UsedUp,
}

/// Makes a folder anew, whatever is in its place.
fn renew(folder: &Path) -> io::Result<()> {
    match fs_err::symlink_metadata(folder) {
        // Links below it are removed, and not followed.
        Ok(found) if found.is_dir() => fs_err::remove_dir_all(folder)?,
        Ok(_) => fs_err::remove_file(folder)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    fs_err::create_dir(folder)
}

fn not_made(output: &OutputDescription) -> Failure {
    let shown: String = output.name.chars().take(100).collect();
    Failure::internal(format!("the worker reported an output {shown:?} that it did not make"))
}

/// The worker's words about an output stand in the manifest beside the parent's own, and as a header in the store.
fn check_description(output: &OutputDescription) -> Result<(), Failure> {
    let bad = |what: &str| {
        let shown: String = output.name.chars().take(100).collect();
        Err(Failure::internal(format!("the worker gave its output {shown:?} {what}")))
    };
    let is_token = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    let essence = output.content_type.split(';').next().unwrap_or_default();
    let is_media_type = essence.split_once('/').is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype));
    let is_header = output.content_type.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if !is_media_type || !is_header || output.content_type.len() > 255 {
        return bad("no media type");
    }
    // The properties stand flat beside these (see `Output`); of a name that is there twice, a reader may take either.
    match output.properties.keys().find(|name| ["key", "size", "sha256", "contentType"].contains(&name.as_str())) {
        Some(name) => bad(&format!("a property {name:?}, which is not its to say")),
        None => Ok(()),
    }
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        for held in self.files.values() {
            let Held::At(path) = held else { continue };
            if let Err(error) = fs_err::remove_file(path)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!("a file of no use stays in the scratch folder: {error}");
            }
        }
        for folder in self.folders.iter().rev() {
            // A folder with kept outputs is not empty and stays.
            let _ = fs_err::remove_dir(folder);
        }
    }
}
