//! What an operation sees: its input, its outputs and a place to report progress. No AWS, no environment, no network,
//! no clock, no file names: everything is an open file or is asked of the parent process (see the crate `sandbox`).

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use catalog::{Declaration, Format, MediaKind, Operation, Options};
use contract::{Failure, Properties};
use memmap2::{Mmap, MmapMut};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Services, Weights};

/// How many warnings an operation may report; a damaged file can give rise to one for each of its parts.
const MAX_WARNINGS: usize = 100;

/// One operation's work on one input.
pub struct Task {
    /// The object to work on.
    pub input: Input,
    /// Where results go.
    pub outputs: Outputs,
    /// Where progress is reported.
    pub progress: Progress,
    /// The weights of neural networks that the operation's profile names.
    pub weights: Weights,
    /// What it may ask of managed services.
    pub services: Services,
}

impl Task {
    /// A task whose operation needs neither weights nor services.
    pub fn new(input: Input, outputs: Outputs, progress: Progress) -> Self {
        Self { input, outputs, progress, weights: Weights::default(), services: Services::default() }
    }
}

/// What a process does of an operation that several processes share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Share {
    /// One of `count` shards of the work, counted from 0.
    Shard {
        /// Which one.
        index: u32,
        /// Of how many.
        count: u32,
    },
    /// Merges the shards, whose outputs are the input's companion files, each shard's in its [`Share::folder`].
    Merge {
        /// How many there are.
        count: u32,
    },
}

impl Share {
    /// The folder with the outputs of a shard.
    pub fn folder(index: u32, count: u32) -> String {
        format!("part-{index:05}-of-{count:05}")
    }
}

/// An object that can be read at any position, from any thread.
#[derive(Clone)]
pub struct Input {
    name: String,
    format: Format,
    size: u64,
    source: Arc<dyn InputSource>,
}

/// Where an input's bytes and its companion files come from: an open file, or the parent process.
pub trait InputSource: Send + Sync {
    /// Reads at most `buffer.len()` bytes at `offset`; 0 at the end.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Reads exactly these parts, several at once if that is faster. `announced` is what [`InputSource::announce`] answered
    /// for them, or for a list that ends with them.
    fn read_ranges(&self, ranges: &[Range<u64>], announced: Option<Announcement>) -> io::Result<Vec<Vec<u8>>> {
        let _ = announced;
        ranges.iter().map(|range| read_exactly(self, range)).collect()
    }

    /// Starts to fetch parts that [`InputSource::read_ranges`] will be asked for. A source that has nothing to prepare
    /// answers nothing.
    fn announce(&self, ranges: &[Range<u64>]) -> Option<Announcement> {
        let _ = ranges;
        None
    }

    /// The open file, where there is one.
    fn file(&self) -> Option<&File>;

    /// All of it, where it is in memory: a part of a file as an input of its own.
    fn bytes(&self) -> Option<&[u8]> {
        None
    }

    /// Another object in the folder (or below the key prefix) of this one, whole.
    fn companion(&self, relative: &str) -> Result<File, Failure>;
}

/// Names parts of an input that were announced, until they are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Announcement(pub u64);

/// Parts of an input on their way: the ticket from [`Input::expect`] to [`Input::read`]. Dropping it costs nothing but
/// bytes that were fetched in vain.
#[derive(Debug)]
pub struct Expected {
    ranges: Vec<Range<u64>>,
    announced: Option<Announcement>,
}

impl Expected {
    /// Forgets the first parts: they are not read any more.
    pub fn skip(&mut self, count: usize) {
        self.ranges.drain(..count.min(self.ranges.len()));
    }
}

/// A part, read as the source reads.
pub fn read_exactly(source: &(impl InputSource + ?Sized), range: &Range<u64>) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(range.end - range.start).map_err(io::Error::other)?];
    let mut filled = 0;
    while filled < bytes.len() {
        match source.read_at(range.start + filled as u64, &mut bytes[filled..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => filled += count,
        }
    }
    Ok(bytes)
}

impl Input {
    /// An input over its source.
    pub fn new(name: impl Into<String>, format: Format, size: u64, source: Arc<dyn InputSource>) -> Self {
        Self { name: name.into(), format, size, source }
    }

    /// An input that is an open local file, without companion files. What the in-process benchmark, fuzz targets and tests of
    /// an operation use.
    pub fn from_file(name: impl Into<String>, format: Format, file: File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        Ok(Self::new(name, format, size, Arc::new(LoneFile(file))))
    }

    /// An input that is in memory, without companion files: a part of a file as an input of its own.
    pub fn from_bytes(name: impl Into<String>, format: Format, bytes: Vec<u8>) -> Self {
        Self::new(name, format, bytes.len() as u64, Arc::new(InMemory(bytes)))
    }

    /// The file name of the object, without folders.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file name without its extension, for the names of outputs.
    pub fn stem(&self) -> &str {
        match self.name.rsplit_once('.') {
            Some((stem, _)) if !stem.is_empty() => stem,
            _ => &self.name,
        }
    }

    /// The format by content.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Reads at most `buffer.len()` bytes at `offset`; 0 at the end. Each call on a ranged input is a question to the parent
    /// process, which reads ahead: use a buffer for small reads. Errors of the store come through as themselves.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.source.read_at(offset, buffer)
    }

    /// Reads exactly this part and nothing around it.
    pub fn read_range(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        let length = range.end - range.start;
        let part = self.source.read_ranges(std::slice::from_ref(&range), None)?.pop().unwrap_or_default();
        if part.len() as u64 == length { Ok(part) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    /// Has these parts fetched while the caller does something else; [`Input::read`] gives them.
    pub fn expect(&self, ranges: &[Range<u64>]) -> Expected {
        Expected { ranges: ranges.to_vec(), announced: self.source.announce(ranges) }
    }

    /// Reads exactly the expected parts and nothing around them, several at once if that is faster.
    #[expect(clippy::needless_pass_by_value, reason = "a ticket is used once")]
    pub fn read(&self, expected: Expected) -> io::Result<Vec<Vec<u8>>> {
        self.source.read_ranges(&expected.ranges, expected.announced)
    }

    /// Fills the buffer from `offset`, or says [`io::ErrorKind::UnexpectedEof`].
    pub fn read_exact_at(&self, mut offset: u64, mut buffer: &mut [u8]) -> io::Result<()> {
        while !buffer.is_empty() {
            match self.read_at(offset, buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => {
                    offset += count as u64;
                    buffer = &mut buffer[count..];
                }
            }
        }
        Ok(())
    }

    /// A [`Read`] and [`Seek`] view, unbuffered.
    pub fn reader(&self) -> InputReader {
        InputReader { input: self.clone(), position: 0 }
    }

    /// The whole input in memory, mapped. Only for [`catalog::Access::Whole`].
    pub fn map(&self) -> Result<Mmap, Failure> {
        if let Some(bytes) = self.source.bytes() {
            let mut copy = MmapMut::map_anon(bytes.len())?;
            copy.copy_from_slice(bytes);
            return Ok(copy.make_read_only()?);
        }
        let file = self
            .source
            .file()
            .ok_or_else(|| Failure::internal("the operation asked to map an input that it reads in ranges"))?;
        // SAFETY: the file is the job's own copy (or a sealed descriptor of it) that nobody writes to any more.
        unsafe { Mmap::map(file) }.map_err(Failure::from)
    }

    /// Another object in the folder (or below the key prefix) of this one, by its relative path. Paths that leave the
    /// folder, absolute paths and URLs are refused by the parent with [`contract::FailureKind::InvalidInput`].
    pub fn companion(&self, relative: &str) -> Result<File, Failure> {
        self.source.companion(relative)
    }
}

struct LoneFile(File);

impl InputSource for LoneFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn file(&self) -> Option<&File> {
        Some(&self.0)
    }

    fn companion(&self, relative: &str) -> Result<File, Failure> {
        Err(Failure::invalid_input(format!("the input names {relative:?}, which was not found next to it")))
    }
}

struct InMemory(Vec<u8>);

impl InputSource for InMemory {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let Self(bytes) = self;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let count = buffer.len().min(bytes.len() - start);
        buffer[..count].copy_from_slice(&bytes[start..start + count]);
        Ok(count)
    }

    fn file(&self) -> Option<&File> {
        None
    }

    fn bytes(&self) -> Option<&[u8]> {
        Some(&self.0)
    }

    fn companion(&self, _: &str) -> Result<File, Failure> {
        Err(Failure::internal("a part of a file has no companion files"))
    }
}

/// [`Read`] and [`Seek`] over an [`Input`].
pub struct InputReader {
    input: Input,
    position: u64,
}

impl Read for InputReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read_at(self.position, buffer)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for InputReader {
    fn seek(&mut self, from: SeekFrom) -> io::Result<u64> {
        let position = match from {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.input.size.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// Where results go. Names may have folders (`hls/720p/segment-1.m4s`); each is written once.
#[derive(Clone)]
pub struct Outputs {
    destination: Arc<dyn OutputDestination>,
    finished: Arc<Mutex<Vec<OutputDescription>>>,
    warnings: Arc<Mutex<Vec<String>>>,
}

/// Where the files of [`Outputs`] are made: a folder, or the parent process.
pub trait OutputDestination: Send + Sync {
    /// A new empty file of that name, open for reading and writing.
    fn create(&self, name: &str) -> Result<File, Failure>;

    /// A file that was made is complete.
    fn finished(&self, _output: &OutputDescription) {}
}

/// What is known of a finished output besides its bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutputDescription {
    /// Its path below the operation's folder.
    pub name: String,
    /// Its media type.
    pub content_type: String,
    /// What else means something: `width`, `height`, `duration`, …
    pub properties: Properties,
}

impl Outputs {
    /// Outputs over their destination.
    pub fn new(destination: Arc<dyn OutputDestination>) -> Self {
        Self { destination, finished: Arc::default(), warnings: Arc::default() }
    }

    /// Outputs that are files in a local folder.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self::new(Arc::new(Folder(folder.into())))
    }

    /// Begins an output. It counts only once it is finished.
    pub fn create(&self, name: impl Into<String>) -> Result<OutputFile, Failure> {
        let name = name.into();
        let file = self.destination.create(&name)?;
        Ok(OutputFile { file, name, outputs: self.clone() })
    }

    /// Writes a whole output at once.
    pub fn write(
        &self,
        name: impl Into<String>,
        content_type: &str,
        bytes: &[u8],
        properties: Properties,
    ) -> Result<(), Failure> {
        let mut output = self.create(name)?;
        output.write_all(bytes)?;
        output.finish(content_type, properties);
        Ok(())
    }

    /// Says what was left out of the results, or changed on the way to them, and why: side data that could not be read,
    /// a feature that the output format lacks. Each text stands once in the manifest's `warnings`, in the order of
    /// reporting; the operation succeeds all the same.
    pub fn warn(&self, message: impl Into<String>) {
        let message = message.into();
        let mut warnings = self.warnings.lock().expect("no holder of this lock panics");
        if warnings.contains(&message) {
            return;
        }
        match warnings.len() {
            0..MAX_WARNINGS => warnings.push(message),
            MAX_WARNINGS => warnings.push("further warnings were left out".to_owned()),
            _ => {}
        }
    }

    /// The properties of a finished operation with what [`Outputs::warn`] was told, behind warnings that are there.
    pub fn with_warnings(&self, mut properties: Properties) -> Properties {
        let warnings = self.warnings.lock().expect("no holder of this lock panics");
        if !warnings.is_empty() {
            let all = properties.entry("warnings").or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(all) = all {
                all.extend(warnings.iter().cloned().map(Value::String));
            }
        }
        properties
    }

    /// Everything finished so far, in the order of finishing.
    pub fn finished(&self) -> Vec<OutputDescription> {
        self.finished.lock().expect("no holder of this lock panics").clone()
    }
}

/// Checks a name that an operation gives an output: relative, of plain components.
pub fn is_output_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 512
        && name.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
        && !name.contains('\0')
}

struct Folder(PathBuf);

impl OutputDestination for Folder {
    fn create(&self, name: &str) -> Result<File, Failure> {
        if !is_output_name(name) {
            return Err(Failure::internal(format!("{name:?} is not a valid output name")));
        }
        let path = self.0.join(name);
        fs_err::create_dir_all(path.parent().unwrap_or(&self.0))?;
        let mut options = fs_err::OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).open(path)?;
        Ok(file.into_parts().0)
    }
}

/// An output being written. Buffer small writes: each goes to the file as it is.
pub struct OutputFile {
    file: File,
    name: String,
    outputs: Outputs,
}

impl OutputFile {
    /// The output is complete, and is not written to any more.
    pub fn finish(self, content_type: &str, properties: Properties) {
        let description = OutputDescription { name: self.name, content_type: content_type.to_owned(), properties };
        self.outputs.destination.finished(&description);
        self.outputs.finished.lock().expect("no holder of this lock panics").push(description);
    }

    /// The open file, for encoders that want one.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }
}

impl Write for OutputFile {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.file.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for OutputFile {
    fn seek(&mut self, from: SeekFrom) -> io::Result<u64> {
        self.file.seek(from)
    }
}

/// Where progress is reported. Cheap to call often: the receiver decides how much of it is shown.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(f64, Option<f64>) + Send + Sync>);

impl Progress {
    /// Calls `report` with the fraction done, 0 to 1.
    pub fn new(report: impl Fn(f64) + Send + Sync + 'static) -> Self {
        Self::of_media(move |fraction, _| report(fraction))
    }

    /// Calls `report` with the fraction done, 0 to 1, and with the seconds of a video or of sound that are done, where the
    /// work is on such.
    pub fn of_media(report: impl Fn(f64, Option<f64>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(report))
    }

    /// Tells nobody.
    pub fn silent() -> Self {
        Self::new(|_| {})
    }

    /// Reports the fraction done, 0 to 1.
    pub fn report(&self, fraction: f64) {
        (self.0)(fraction.clamp(0.0, 1.0), None);
    }

    /// Reports the fraction done, 0 to 1, and the seconds of a video or of sound.
    pub fn report_media(&self, fraction: f64, seconds: Option<f64>) {
        (self.0)(fraction.clamp(0.0, 1.0), seconds.filter(|seconds| seconds.is_finite() && *seconds >= 0.0));
    }
}

/// Does the work of one operation.
pub trait Processor: Sync {
    /// The operation.
    fn declaration(&self) -> &'static Declaration;

    /// Does the work. Results go to `task.outputs`; what is returned stands in the manifest's `properties`.
    fn process(&self, operation: &Operation, task: &Task) -> Result<Properties, Failure>;

    /// Does a shard of the work that several processes share, or merges the shards.
    fn process_share(&self, operation: &Operation, _share: Share, _task: &Task) -> Result<Properties, Failure> {
        Err(Failure::invalid_request(format!("{} cannot be divided into shards", operation.name())))
    }

    /// Gets ready for the operation what needs files that the sandbox will not let be opened, or what all workers can share:
    /// networks in memory. Called once or more, first in the process that workers are forked from, which has one thread and
    /// must keep to it, and in the worker before its sandbox closes. No input is there yet.
    fn prepare(&self, _operation: &Operation, _weights: &Weights) -> Result<(), Failure> {
        Ok(())
    }

    /// Whether this input may need what [`Processor::prepare`] opens: a library that reads the text in pictures costs more than
    /// the text of a document that has none. Asked in the worker before its sandbox closes, when nothing may be parsed: a look at the
    /// format and a search for bytes, no more.
    fn needs_preparation(&self, _operation: &Operation, _input: &Input) -> bool {
        true
    }

    /// Whether it can do shards of the work.
    fn can_share(&self) -> bool {
        false
    }

    /// Versions of native libraries that shape the result, for the manifest.
    fn library_versions(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

/// A [`Processor`] made of functions that take the operation's own options.
///
/// ```
/// use catalog::operations::Convert;
/// use operation::{Failure, OfOptions, Processor, Properties, Task};
///
/// fn convert(options: &Convert, task: &Task) -> Result<Properties, Failure> {
///     task.outputs.write("format.txt", "text/plain", options.format.extension().as_bytes(), Properties::new())?;
///     Ok(Properties::new())
/// }
///
/// static PROCESSORS: &[&dyn Processor] = &[&OfOptions::new(convert)];
/// assert_eq!(PROCESSORS[0].declaration().name, "convert");
/// ```
pub struct OfOptions<O> {
    process: Process<O>,
    process_share: Option<ProcessShare<O>>,
    prepare: Option<Prepare<O>>,
    needs_preparation: NeedsPreparation<O>,
    versions: fn() -> Vec<(&'static str, String)>,
}

type Process<O> = fn(&O, &Task) -> Result<Properties, Failure>;
type ProcessShare<O> = fn(&O, Share, &Task) -> Result<Properties, Failure>;
type Prepare<O> = fn(&O, &Weights) -> Result<(), Failure>;
type NeedsPreparation<O> = fn(&O, &Input) -> bool;

impl<O: Options> OfOptions<O> {
    /// A processor that calls `process`.
    pub const fn new(process: Process<O>) -> Self {
        let needs_preparation = |_: &O, _: &Input| true;
        Self { process, process_share: None, prepare: None, needs_preparation, versions: Vec::new }
    }

    /// The same, which also does shards of the work that several processes share, and merges them.
    #[must_use]
    pub const fn with_shares(self, process: ProcessShare<O>) -> Self {
        Self { process_share: Some(process), ..self }
    }

    /// The same, which also gets ready what the sandbox would not let be opened; see [`Processor::prepare`].
    #[must_use]
    pub const fn with_preparation(self, prepare: Prepare<O>) -> Self {
        Self { prepare: Some(prepare), ..self }
    }

    /// The same, which is prepared only for inputs that may need it; see [`Processor::needs_preparation`].
    #[must_use]
    pub const fn with_need(self, needs_preparation: NeedsPreparation<O>) -> Self {
        Self { needs_preparation, ..self }
    }

    /// The same, which also says the versions of the native libraries that shape the result.
    #[must_use]
    pub const fn with_versions(self, versions: fn() -> Vec<(&'static str, String)>) -> Self {
        Self { versions, ..self }
    }
}

impl<O: Options> Processor for OfOptions<O> {
    fn declaration(&self) -> &'static Declaration {
        Declaration::named(O::NAME).expect("operations with options are in the catalog's list")
    }

    fn process(&self, operation: &Operation, task: &Task) -> Result<Properties, Failure> {
        (self.process)(options_of(operation)?, task)
    }

    fn process_share(&self, operation: &Operation, share: Share, task: &Task) -> Result<Properties, Failure> {
        let process = self
            .process_share
            .ok_or_else(|| Failure::invalid_request(format!("{} cannot be divided into shards", operation.name())))?;
        process(options_of(operation)?, share, task)
    }

    fn prepare(&self, operation: &Operation, weights: &Weights) -> Result<(), Failure> {
        self.prepare.map_or(Ok(()), |prepare| prepare(options_of(operation)?, weights))
    }

    fn needs_preparation(&self, operation: &Operation, input: &Input) -> bool {
        options_of(operation).map_or(true, |options| (self.needs_preparation)(options, input))
    }

    fn can_share(&self) -> bool {
        self.process_share.is_some()
    }

    fn library_versions(&self) -> Vec<(&'static str, String)> {
        (self.versions)()
    }
}

fn options_of<O: Options>(operation: &Operation) -> Result<&O, Failure> {
    let other = || Failure::internal(format!("the processor of {} was given {}", O::NAME, operation.name()));
    operation.options().ok_or_else(other)
}

/// A kind's job: the processors of the operations that the kind offers.
#[derive(Clone, Copy)]
pub struct Job {
    /// The kind of its inputs.
    pub kind: MediaKind,
    /// One for each operation.
    pub processors: &'static [&'static dyn Processor],
}

impl Job {
    /// The processor of an operation.
    pub fn processor(&self, operation: &Operation) -> Result<&'static dyn Processor, Failure> {
        let found = self.processors.iter().find(|processor| processor.declaration().name == operation.name());
        found.copied().ok_or_else(|| {
            let (job, name) = (self.kind.job_name(), operation.name());
            Failure::internal(format!("{job} has no processor for {name}"))
        })
    }

    /// Does the whole work of an operation.
    pub fn process(&self, operation: &Operation, task: &Task) -> Result<Properties, Failure> {
        self.processor(operation)?.process(operation, task)
    }

    /// Checks that each operation that the kind offers has one processor, and each processor such an operation; one
    /// whose work can be shared must be able to do a part of it. The message names those that are wrong.
    pub fn check(&self) -> Result<(), Failure> {
        let offered: Vec<&str> = Declaration::of_kind(self.kind).map(|declaration| declaration.name).collect();
        let names: Vec<&str> = self.processors.iter().map(|processor| processor.declaration().name).collect();
        let count = |name: &str| names.iter().filter(|other| **other == name).count();
        let missing = offered.iter().filter(|name| count(name) == 0).map(|name| format!("{name} has no processor"));
        let double = offered.iter().filter(|name| count(name) > 1).map(|name| format!("{name} has several processors"));
        let strange = names.iter().filter(|name| !offered.contains(name));
        let strange = strange.map(|name| format!("{name} has a processor, and {} does not offer it", self.kind));
        let shared = self
            .processors
            .iter()
            .filter(|processor| processor.declaration().profile.sharding.is_some() != processor.can_share());
        let shared = shared.map(|processor| {
            let name = processor.declaration().name;
            format!("{name} differs between its profile and its processor in whether its work can be shared")
        });
        let wrong: Vec<String> = missing.chain(double).chain(strange).chain(shared).collect();
        if wrong.is_empty() {
            return Ok(());
        }
        Err(Failure::internal(format!("{}: {}", self.kind.job_name(), wrong.join("; "))))
    }
}

/// Does the whole work of an operation, or a share of it.
pub fn process(
    processor: &dyn Processor,
    operation: &Operation,
    share: Option<Share>,
    task: &Task,
) -> Result<Properties, Failure> {
    let properties = match share {
        Some(share) => processor.process_share(operation, share, task),
        None => processor.process(operation, task),
    }?;
    Ok(task.outputs.with_warnings(properties))
}

#[cfg(test)]
mod tests {
    use catalog::operations::{Probe, Resize, Transcode};

    use super::*;

    fn nothing<O: Options>(_: &O, _: &Task) -> Result<Properties, Failure> {
        Err(Failure::internal("it is only asked for its name"))
    }

    fn no_share<O: Options>(_: &O, _: Share, _: &Task) -> Result<Properties, Failure> {
        Err(Failure::internal("it is only asked for its name"))
    }

    fn wrong(kind: MediaKind, processors: &'static [&'static dyn Processor]) -> String {
        Job { kind, processors }.check().expect_err("it is wrong").to_string()
    }

    const RESIZE: &dyn Processor = &OfOptions::new(nothing::<Resize>);
    const TRANSCODE: &dyn Processor = &OfOptions::new(nothing::<Transcode>);
    const TRANSCODE_SHARES: &dyn Processor = &OfOptions::new(nothing::<Transcode>).with_shares(no_share);
    const PROBE_SHARES: &dyn Processor = &OfOptions::new(nothing::<Probe>).with_shares(no_share);

    #[test]
    fn a_job_has_one_processor_for_each_operation_of_its_kind_and_no_others() {
        let message = wrong(MediaKind::Image, &[RESIZE, TRANSCODE, RESIZE]);
        assert!(message.starts_with("image-job: text has no processor; "), "{message}");
        assert!(message.contains("resize has several processors"), "{message}");
        assert!(message.contains("transcode has a processor, and image does not offer it"), "{message}");
    }

    #[test]
    fn a_processor_can_share_work_if_and_only_if_its_profile_says_so() {
        let message = wrong(MediaKind::Video, &[TRANSCODE]);
        assert!(message.contains("transcode differs between its profile and its processor"), "{message}");
        let message = wrong(MediaKind::Video, &[TRANSCODE_SHARES, PROBE_SHARES]);
        assert!(message.contains("probe differs") && !message.contains("transcode differs"), "{message}");
    }
}
