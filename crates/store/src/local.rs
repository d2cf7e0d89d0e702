//! Objects that are local files. Their entity tag is made of modification time and size, looked at before and after every
//! read.

use std::collections::BTreeMap;
use std::fs::{File, Metadata, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use contract::{Failure, Location, hexadecimal};
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use sha2::{Digest, Sha256};

use super::store::overwritten;
use super::upload::Stored;
use super::{FetchReport, ObjectVersion};

/// Bytes copied at a time: they stay in the processor's cache between hashing and writing.
const COPY_BYTES: usize = 1 << 16;

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
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Failure::input_not_found(format!("{path} not found")),
        io::ErrorKind::PermissionDenied => {
            Failure::invalid_request(format!("failed to read {path}: permission denied")).because(error)
        }
        io::ErrorKind::InvalidFilename => Failure::invalid_request(format!("{path} is too long for a file name")),
        _ => Failure::internal(format!("failed to read {path}")).because(error),
    }
}

/// Stores all that a reader has, on this thread.
pub(crate) fn put(path: &Path, mut source: impl Read, flush: bool) -> Result<Stored, Failure> {
    let mut file = Unnamed::beside(path)?;
    let (size, sha256) = read_all(&mut source, |bytes| file.write(bytes))?;
    file.name(flush)?;
    Ok(Stored { size, sha256, etag: None, version_id: None })
}

/// Stores a file by giving it another name, or by copying it from another file system.
pub(crate) fn take(path: &Path, from: &Path, flush: bool) -> Result<Stored, Failure> {
    let mut source = fs_err::File::open(from)?.into_parts().0;
    make_folder_of(path)?;
    let (size, sha256) = read_all(&mut source, |_| Ok(()))?;
    if flush {
        source.sync_all().map_err(|error| unwritable(path, error))?;
    }
    match std::fs::rename(from, path) {
        Ok(()) => Ok(Stored { size, sha256, etag: None, version_id: None }),
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            source.seek(SeekFrom::Start(0))?;
            put(path, source, flush)
        }
        Err(error) => Err(unwritable(path, error)),
    }
}

/// Hands on everything that a reader has; how many bytes that were, and their SHA-256.
fn read_all(
    source: &mut impl Read,
    mut each: impl FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<(u64, String), Failure> {
    let mut sha256 = Sha256::new();
    let mut size = 0;
    let mut buffer = vec![0; COPY_BYTES];
    loop {
        let length = match source.read(&mut buffer) {
            Ok(0) => return Ok((size, hexadecimal(&sha256.finalize()))),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        sha256.update(&buffer[..length]);
        each(&buffer[..length])?;
        size += length as u64;
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn make_folder_of(path: &Path) -> Result<(), Failure> {
    fs_err::create_dir_all(folder_of(path)).map_err(|error| unwritable(path, error))
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
        make_folder_of(path)?;
        let folder = folder_of(path);
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

    /// Gives the file its name in the place of one that had it before, with `flush` once its bytes are on the disk.
    pub(crate) fn name(self, flush: bool) -> Result<(), Failure> {
        let path = &self.path;
        let flushed = |file: &File| if flush { file.sync_all() } else { Ok(()) };
        let named = match self.file {
            Writing::Nameless(file) => flushed(&file).and_then(|()| give_name(&file, path)),
            Writing::Named(file) => {
                flushed(file.as_file()).and_then(|()| file.persist(path).map(drop).map_err(|error| error.error))
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
            let moment = temporary().make_in(folder_of(path), |name| link(name).map_err(io::Error::from))?;
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
            Failure::invalid_request(format!("failed to write {shown}: permission denied")).because(error)
        }
        io::ErrorKind::InvalidFilename => Failure::invalid_request(format!("{shown} is too long for a file name")),
        io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            Failure::invalid_request(format!("failed to write {shown}: a folder and a file have the same name"))
                .because(error)
        }
        _ => Failure::from(error).context(format!("failed to write {shown}")),
    }
}
