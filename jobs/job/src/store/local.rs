//! Objects that are local files. Their entity tag is made of modification time and size, looked at before and after every
//! read.

use std::collections::BTreeMap;
use std::fs::{File, Metadata, Permissions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rustix::fs::{AtFlags, CWD, Mode, OFlags};

use super::failures::overwritten;
use super::{FetchReport, ObjectVersion};
use crate::{Failure, Location};

/// What is there now; symbolic links are followed.
pub(crate) fn head(path: &Path) -> Result<ObjectVersion, Failure> {
    let metadata = fs_err::metadata(path).map_err(|error| unreadable(path, error))?;
    if !metadata.is_file() {
        let what = if metadata.is_dir() { "a folder" } else { "a device, pipe or socket" };
        return Err(Failure::invalid_request(format!("{} is {what}, not a file", path.display())));
    }
    Ok(ObjectVersion {
        location: Location::Local(path.to_path_buf()),
        size: metadata.len(),
        etag: Some(etag(&metadata)),
        version_id: None,
        content_type: None,
        metadata: BTreeMap::new(),
        last_modified: metadata.modified().ok(),
    })
}

/// Copies the file; within one file system the kernel may share the blocks instead.
pub(crate) fn fetch(path: &Path, version: &ObjectVersion, mut into: File) -> Result<FetchReport, Failure> {
    let mut file = open(path, version)?;
    let bytes = io::copy(&mut file, &mut into)?;
    verify(path, &file, version)?;
    if bytes != version.size {
        return Err(overwritten(&path.display().to_string()));
    }
    Ok(FetchReport { bytes, requests: 1 })
}

/// Exactly `length` bytes at `offset`, which are within the version's size.
pub(crate) fn read_at(path: &Path, version: &ObjectVersion, offset: u64, length: usize) -> Result<Bytes, Failure> {
    let file = open(path, version)?;
    let mut buffer = vec![0; length];
    file.read_exact_at(&mut buffer, offset).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => overwritten(&path.display().to_string()),
        _ => unreadable(path, error),
    })?;
    verify(path, &file, version)?;
    Ok(buffer.into())
}

fn open(path: &Path, version: &ObjectVersion) -> Result<File, Failure> {
    let file = fs_err::File::open(path).map_err(|error| unreadable(path, error))?.into_parts().0;
    verify(path, &file, version)?;
    Ok(file)
}

fn verify(path: &Path, file: &File, version: &ObjectVersion) -> Result<(), Failure> {
    let now = etag(&file.metadata().map_err(|error| unreadable(path, error))?);
    match &version.etag {
        Some(seen) if *seen != now => Err(overwritten(&path.display().to_string())),
        _ => Ok(()),
    }
}

fn etag(metadata: &Metadata) -> String {
    let nanoseconds = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
    format!("{nanoseconds:x}-{:x}", metadata.len())
}

fn unreadable(path: &Path, error: io::Error) -> Failure {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            Failure::input_not_found(format!("{path} is not there"))
        }
        io::ErrorKind::PermissionDenied => {
            Failure::invalid_request(format!("{path} cannot be read: permission is denied")).because(error)
        }
        io::ErrorKind::InvalidFilename => Failure::invalid_request(format!("{path} is too long for a file name")),
        _ => Failure::internal(format!("{path} cannot be read")).because(error),
    }
}

/// A file beside its later name that goes away by itself unless it gets it, whatever ends the process: it has no name at
/// all where the file system can do that, else a temporary one.
pub(crate) struct Unnamed {
    path: PathBuf,
    file: Writing,
}

enum Writing {
    Nameless(File),
    Named(tempfile::NamedTempFile),
}

impl Unnamed {
    /// Begins a file in the folder of `path`, which is made where it is not there.
    pub(crate) fn beside(path: &Path) -> Result<Self, Failure> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        fs_err::create_dir_all(folder).map_err(|error| unwritable(path, error))?;
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let file = match rustix::fs::open(folder, flags, Mode::from_raw_mode(0o666)) {
            Ok(file) => Writing::Nameless(file.into()),
            Err(_) => Writing::Named(temporary().tempfile_in(folder).map_err(|error| unwritable(path, error))?),
        };
        Ok(Self { path: path.to_path_buf(), file })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = match &mut self.file {
            Writing::Nameless(file) => file.write_all(bytes),
            Writing::Named(file) => file.write_all(bytes),
        };
        written.map_err(|error| unwritable(&self.path, error))
    }

    /// Gives the file its name, once its bytes are on the disk, in the place of one that had it before.
    pub(crate) fn name(self) -> Result<(), Failure> {
        let path = &self.path;
        let named = match self.file {
            Writing::Nameless(file) => file.sync_all().and_then(|()| give_name(&file, path)),
            Writing::Named(file) => {
                file.as_file().sync_all().and_then(|()| file.persist(path).map(drop).map_err(|error| error.error))
            }
        };
        named.map_err(|error| unwritable(path, error))
    }
}

fn give_name(file: &File, path: &Path) -> io::Result<()> {
    let source = format!("/proc/self/fd/{}", file.as_raw_fd());
    let link = |to: &Path| rustix::fs::linkat(CWD, &source, CWD, to, AtFlags::SYMLINK_FOLLOW);
    match link(path) {
        Err(rustix::io::Errno::EXIST) => {
            // A link never replaces; a rename does, and needs a name for the moment.
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let moment = temporary().make_in(folder, |name| link(name).map_err(io::Error::from))?;
            moment.into_temp_path().persist(path).map_err(|error| error.error)
        }
        linked => Ok(linked?),
    }
}

fn temporary() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".").suffix(".partial").permissions(Permissions::from_mode(0o666));
    builder
}

fn unwritable(path: &Path, error: io::Error) -> Failure {
    let shown = path.display();
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Failure::invalid_request(format!("{shown} cannot be written: permission is denied")).because(error)
        }
        io::ErrorKind::InvalidFilename => Failure::invalid_request(format!("{shown} is too long for a file name")),
        io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            Failure::invalid_request(format!("{shown} cannot be written: a folder and a file have the same name"))
                .because(error)
        }
        _ => Failure::from(error).context(format!("{shown} cannot be written")),
    }
}
