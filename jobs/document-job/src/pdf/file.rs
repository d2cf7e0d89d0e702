//! A PDF file as a table of objects that are read when they are asked for. The cross-reference is followed as written;
//! where it leads astray the file is searched for objects instead. The objects are lopdf's, and so is the decryption.
//!
//! Nothing here recurses into another object while one is being read, so that no file can make it loop.

mod cross_reference;
mod encryption;

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use lopdf::{Dictionary, Object, ObjectId, Stream};
use memchr::memmem;

use super::filter;
use super::lexer::{Lexer, Token, is_space};
use super::recent::Recent;
use cross_reference::{Entry, Table};
use encryption::Encryption;

/// The data of a picture, and the name and parameters of the filter that makes pixels of it, if there is one.
pub(crate) type PictureData<'a> = (Cow<'a, [u8]>, Option<(Vec<u8>, Dictionary)>);

/// Output of one stream. A page's content of this size would be 30,000 pages of text.
const MAX_STREAM: usize = 128 << 20;
/// Output of all streams of a file together.
const MAX_DECODED: usize = 2 << 30;
/// References that lead to references.
const MAX_REFERENCES: usize = 32;
/// Filters of one stream.
const MAX_FILTERS: usize = 8;
/// Bytes of objects that are kept, about, and of decoded object streams.
const OBJECTS_KEPT: usize = 2 << 20;
const OBJECT_STREAMS_KEPT: usize = 4 << 20;

thread_local! {
    static CUTS: Cell<usize> = const { Cell::new(0) };
}

/// An open PDF file.
pub(crate) struct File<'a> {
    data: &'a [u8],
    table: Table,
    repaired: OnceLock<Table>,
    encryption: Option<Encryption>,
    objects: Mutex<Recent<u32, Arc<Object>>>,
    object_streams: Mutex<Recent<u32, Option<Arc<ObjectStream>>>>,
    decoded: AtomicUsize,
    limit_reached: AtomicBool,
    /// From here on there is no more `endstream`.
    no_stream_end: AtomicUsize,
}

/// Why a file cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OpenError {
    /// There is no PDF in it.
    NotPdf,
    /// No document catalog with pages is to be found.
    NoPages,
    /// It is encrypted, and neither the empty nor the given password opens it.
    Password,
    /// It is encrypted in a way that is not known.
    Encryption(String),
}

struct ObjectStream {
    data: Vec<u8>,
    /// Object number and offset into the data.
    objects: Vec<(u32, usize)>,
}

impl<'a> File<'a> {
    /// Opens a file, with the empty password or the given one where it is encrypted.
    pub(crate) fn open(data: &'a [u8], password: Option<&str>) -> Result<Self, OpenError> {
        let header = memmem::find(&data[..data.len().min(4096)], b"%PDF-");
        if header.is_none() && memmem::find(data, b" obj").is_none() {
            return Err(OpenError::NotPdf);
        }
        // Offsets count from the header, which some producers put after something else.
        let data = &data[header.unwrap_or(0)..];
        let mut file = Self {
            data,
            table: Table::default(),
            repaired: OnceLock::new(),
            encryption: None,
            objects: Mutex::new(Recent::new(OBJECTS_KEPT)),
            object_streams: Mutex::new(Recent::new(OBJECT_STREAMS_KEPT)),
            decoded: AtomicUsize::new(0),
            limit_reached: AtomicBool::new(false),
            no_stream_end: AtomicUsize::new(usize::MAX),
        };
        file.table = file.read_table();
        file.encryption = file.open_encryption(password)?;
        if !file.has_pages() {
            file.use_repaired();
            file.encryption = file.open_encryption(password)?;
            if !file.has_pages() {
                return Err(OpenError::NoPages);
            }
        }
        Ok(file)
    }

    /// The version in the file's header.
    pub(crate) fn version(&self) -> Option<String> {
        let rest = self.data.strip_prefix(b"%PDF-")?;
        let end = rest.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'.').unwrap_or(rest.len());
        (end > 0 && end < 8).then(|| String::from_utf8_lossy(&rest[..end]).into_owned())
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.encryption.is_some()
    }

    /// Whether the cross-reference was not usable as written.
    pub(crate) fn was_repaired(&self) -> bool {
        self.repaired.get().is_some()
    }

    /// Whether a stream was cut because it decodes to more than any document needs.
    pub(crate) fn limit_was_reached(&self) -> bool {
        self.limit_reached.load(Ordering::Relaxed)
    }

    /// How many streams this thread has cut so far: of any file, so that only a difference means something. A page is shown by
    /// one thread, and others are shown beside it.
    pub(crate) fn cuts_of_this_thread() -> usize {
        CUTS.get()
    }

    pub(crate) fn trailer(&self) -> &Dictionary {
        &self.table.trailer
    }

    /// The document catalog.
    pub(crate) fn catalog(&self) -> Option<Dictionary> {
        self.dictionary(self.table.trailer.get(b"Root").ok()?)
    }

    /// An indirect object; null where there is none.
    pub(crate) fn get(&self, id: ObjectId) -> Arc<Object> {
        if let Some(object) = self.objects.lock().expect("no holder panics").get(&id.0) {
            return object;
        }
        let object = Arc::new(self.read(id.0).unwrap_or(Object::Null));
        let is_copy = matches!(&*object, Object::Stream(stream) if !stream.content.is_empty());
        if !is_copy {
            self.objects.lock().expect("no holder panics").insert(id.0, Arc::clone(&object), size_of_object(&object));
        }
        object
    }

    /// The object itself, or what it refers to.
    pub(crate) fn resolve(&self, object: &Object) -> Arc<Object> {
        let Object::Reference(id) = object else { return Arc::new(object.clone()) };
        let mut id = *id;
        for _ in 0..MAX_REFERENCES {
            let target = self.get(id);
            match &*target {
                Object::Reference(next) => id = *next,
                _ => return target,
            }
        }
        Arc::new(Object::Null)
    }

    /// The entry of a dictionary, with references followed.
    pub(crate) fn entry(&self, dictionary: &Dictionary, key: &[u8]) -> Option<Arc<Object>> {
        let object = self.resolve(dictionary.get(key).ok()?);
        (!object.is_null()).then_some(object)
    }

    /// The dictionary that the object is or refers to; that of a stream too.
    pub(crate) fn dictionary(&self, object: &Object) -> Option<Dictionary> {
        match object {
            Object::Dictionary(dictionary) => Some(dictionary.clone()),
            Object::Reference(_) => match &*self.resolve(object) {
                Object::Dictionary(dictionary) => Some(dictionary.clone()),
                Object::Stream(stream) => Some(stream.dict.clone()),
                _ => None,
            },
            _ => None,
        }
    }

    pub(crate) fn dictionary_entry(&self, dictionary: &Dictionary, key: &[u8]) -> Option<Dictionary> {
        self.dictionary(dictionary.get(key).ok()?)
    }

    /// What a page's or form's resources have under a kind and a name; references are not followed.
    pub(crate) fn resource(&self, resources: &Dictionary, kind: &[u8], name: &[u8]) -> Option<Object> {
        match resources.get(kind).ok()? {
            Object::Dictionary(named) => named.get(name).ok().cloned(),
            reference => match &*self.resolve(reference) {
                Object::Dictionary(named) => named.get(name).ok().cloned(),
                _ => None,
            },
        }
    }

    pub(crate) fn array_entry(&self, dictionary: &Dictionary, key: &[u8]) -> Option<Vec<Object>> {
        match &*self.entry(dictionary, key)? {
            Object::Array(array) => Some(array.clone()),
            _ => None,
        }
    }

    pub(crate) fn number_entry(&self, dictionary: &Dictionary, key: &[u8]) -> Option<f32> {
        self.entry(dictionary, key)?.as_float().ok()
    }

    pub(crate) fn integer_entry(&self, dictionary: &Dictionary, key: &[u8]) -> Option<i64> {
        match &*self.entry(dictionary, key)? {
            Object::Integer(value) => Some(*value),
            Object::Real(value) => Some(*value as i64),
            _ => None,
        }
    }

    pub(crate) fn name_entry(&self, dictionary: &Dictionary, key: &[u8]) -> Option<Vec<u8>> {
        match &*self.entry(dictionary, key)? {
            Object::Name(name) => Some(name.clone()),
            _ => None,
        }
    }

    pub(crate) fn string_entry(&self, dictionary: &Dictionary, key: &[u8]) -> Option<Vec<u8>> {
        match &*self.entry(dictionary, key)? {
            Object::String(string, _) => Some(string.clone()),
            _ => None,
        }
    }

    /// The numbers of an array of exactly that many.
    pub(crate) fn numbers<const N: usize>(&self, dictionary: &Dictionary, key: &[u8]) -> Option<[f32; N]> {
        let array = self.array_entry(dictionary, key)?;
        let mut numbers = [0.0; N];
        if array.len() < N {
            return None;
        }
        for (number, object) in numbers.iter_mut().zip(&array) {
            *number = self.resolve(object).as_float().ok().filter(|number| number.is_finite())?;
        }
        Some(numbers)
    }

    /// A stream's bytes, decoded; none where a filter makes a picture or is unknown.
    pub(crate) fn decode(&self, stream: &Stream) -> Option<Vec<u8>> {
        let raw = self.raw(stream);
        let filters = self.filters(&stream.dict);
        if filters.is_empty() {
            return Some(raw.to_vec());
        }
        let mut bytes: Option<Vec<u8>> = None;
        for (name, parameters) in filters.iter().take(MAX_FILTERS) {
            let input = bytes.as_deref().unwrap_or(raw);
            let limit = MAX_STREAM.min(MAX_DECODED.saturating_sub(self.decoded.load(Ordering::Relaxed)));
            let early_change = parameters.get(b"EarlyChange").ok().and_then(|value| value.as_i64().ok()) != Some(0);
            let decoded = if early_change || !matches!(name.as_slice(), b"LZWDecode" | b"LZW") {
                filter::apply(name, input, limit)?
            } else {
                filter::lzw(input, limit, false)
            };
            self.decoded.fetch_add(decoded.bytes.len(), Ordering::Relaxed);
            if decoded.truncated {
                self.limit_reached.store(true, Ordering::Relaxed);
                CUTS.set(CUTS.get() + 1);
            }
            bytes = Some(filter::unpredict(decoded.bytes, parameters));
        }
        bytes
    }

    /// The data of a picture, and the filter that makes pixels of it with its parameters; without one the data are samples. None
    /// where a filter is unknown. What is decoded does not count for the file: pictures are read one at a time.
    pub(crate) fn picture_data<'b>(&'b self, stream: &'b Stream, limit: usize) -> Option<PictureData<'b>> {
        let mut data = Cow::Borrowed(self.raw(stream));
        for (name, parameters) in self.filters(&stream.dict).into_iter().take(MAX_FILTERS) {
            if matches!(
                name.as_slice(),
                b"DCTDecode" | b"DCT" | b"CCITTFaxDecode" | b"CCF" | b"JBIG2Decode" | b"JPXDecode"
            ) {
                return Some((data, Some((name, parameters))));
            }
            let early_change = parameters.get(b"EarlyChange").ok().and_then(|value| value.as_i64().ok()) != Some(0);
            let decoded = if early_change || !matches!(name.as_slice(), b"LZWDecode" | b"LZW") {
                filter::apply(&name, &data, limit)?
            } else {
                filter::lzw(&data, limit, false)
            };
            data = Cow::Owned(filter::unpredict(decoded.bytes, &parameters));
        }
        Some((data, None))
    }

    fn filters(&self, dictionary: &Dictionary) -> Vec<(Vec<u8>, Dictionary)> {
        let list = |keys: [&[u8]; 2]| -> Vec<Arc<Object>> {
            let entry = keys.iter().find_map(|key| self.entry(dictionary, key));
            match entry.as_deref() {
                Some(Object::Array(items)) => items.iter().map(|item| self.resolve(item)).collect(),
                Some(_) => entry.into_iter().collect(),
                None => Vec::new(),
            }
        };
        let parameters = list([b"DecodeParms", b"DP"]);
        list([b"Filter", b"F"])
            .iter()
            .enumerate()
            .filter_map(|(at, filter)| {
                let parameters = match parameters.get(at).map(|object| &**object) {
                    Some(Object::Dictionary(dictionary)) => dictionary.clone(),
                    _ => Dictionary::new(),
                };
                Some((filter.as_name().ok()?.to_vec(), parameters))
            })
            .collect()
    }

    fn raw<'b>(&'b self, stream: &'b Stream) -> &'b [u8] {
        match stream.start_position {
            Some(start) => {
                let length = stream.dict.get(b"Length").and_then(Object::as_i64).unwrap_or(0);
                let rest = self.data.get(start..).unwrap_or_default();
                &rest[..rest.len().min(usize::try_from(length).unwrap_or(0))]
            }
            None => &stream.content,
        }
    }

    // --- reading one object ---

    fn read(&self, number: u32) -> Option<Object> {
        self.read_from(&self.table, number).or_else(|| {
            // A table that names an object which is not there is not to be trusted.
            match self.table.entries.get(&number) {
                None | Some(Entry::Free) if self.repaired.get().is_none() => None,
                _ => self.read_from(self.repair(), number),
            }
        })
    }

    fn read_from(&self, table: &Table, number: u32) -> Option<Object> {
        match *table.entries.get(&number)? {
            Entry::Free => None,
            Entry::At(offset) => {
                let (found, object) = self.object_at(offset)?;
                (found.0 == number).then(|| self.decrypt(found, object))
            }
            Entry::InStream { stream, index } => {
                let stream = self.object_stream(stream)?;
                let by_index = stream.objects.get(index).filter(|(found, _)| *found == number);
                let (_, offset) = by_index.or_else(|| stream.objects.iter().find(|(found, _)| *found == number))?;
                Lexer::of_file(&stream.data, *offset).object()
            }
        }
    }

    /// Reads `12 0 obj …` at an offset.
    fn object_at(&self, offset: usize) -> Option<(ObjectId, Object)> {
        if offset >= self.data.len() {
            return None;
        }
        let mut lexer = Lexer::of_file(self.data, offset);
        let number = u32::try_from(lexer.integer()?).ok()?;
        let generation = lexer.integer()?;
        if !lexer.keyword(b"obj") {
            return None;
        }
        let object = match lexer.token()? {
            Token::Object(object) => object,
            _ => Object::Null,
        };
        let id = (number, u16::try_from(generation).unwrap_or(0));
        let Object::Dictionary(dictionary) = object else { return Some((id, object)) };
        if !lexer.keyword(b"stream") {
            return Some((id, Object::Dictionary(dictionary)));
        }
        let start = lexer.position
            + match lexer.rest() {
                [b'\r', b'\n', ..] => 2,
                [b'\n' | b'\r', ..] => 1,
                _ => 0,
            };
        Some((id, Object::Stream(self.stream_at(dictionary, start))))
    }

    fn stream_at(&self, mut dictionary: Dictionary, start: usize) -> Stream {
        let declared = match dictionary.get(b"Length") {
            Ok(Object::Integer(length)) => usize::try_from(*length).ok(),
            Ok(Object::Reference(id)) => self.plain_integer(id.0).and_then(|length| usize::try_from(length).ok()),
            _ => None,
        };
        let length = declared.filter(|length| self.stream_ends_at(start, *length)).unwrap_or_else(|| {
            let found = self.find_stream_end(start);
            found.or(declared).unwrap_or(usize::MAX).min(self.data.len().saturating_sub(start))
        });
        dictionary.set("Length", length as i64);
        Stream::with_position(dictionary, start)
    }

    fn stream_ends_at(&self, start: usize, length: usize) -> bool {
        let Some(rest) = start.checked_add(length).and_then(|end| self.data.get(end..)) else { return false };
        let space = rest.iter().take(4).take_while(|byte| is_space(**byte)).count();
        rest[space..].starts_with(b"endstream") || rest[space..].starts_with(b"endobj")
    }

    fn find_stream_end(&self, start: usize) -> Option<usize> {
        if start >= self.no_stream_end.load(Ordering::Relaxed) {
            return None;
        }
        let rest = self.data.get(start..)?;
        let Some(mut length) = memmem::find(rest, b"endstream") else {
            self.no_stream_end.fetch_min(start, Ordering::Relaxed);
            return memmem::find(rest, b"endobj");
        };
        if rest[..length].ends_with(b"\r\n") {
            length -= 2;
        } else if rest[..length].ends_with(b"\n") || rest[..length].ends_with(b"\r") {
            length -= 1;
        }
        Some(length)
    }

    /// An indirect object that is a bare integer at an offset: a stream's length, read without reading anything else.
    fn plain_integer(&self, number: u32) -> Option<i64> {
        let table = self.repaired.get().unwrap_or(&self.table);
        match *table.entries.get(&number)? {
            Entry::At(offset) => {
                let mut lexer = Lexer::of_file(self.data, offset);
                lexer.integer().filter(|found| *found == i64::from(number))?;
                lexer.integer()?;
                if lexer.keyword(b"obj") { lexer.integer() } else { None }
            }
            // A length may stand in an object stream that is already open.
            Entry::InStream { stream, .. } => {
                let stream = self.object_streams.try_lock().ok()?.get(&stream)??;
                let (_, offset) = stream.objects.iter().find(|(found, _)| *found == number)?;
                Lexer::of_file(&stream.data, *offset).integer()
            }
            Entry::Free => None,
        }
    }

    fn object_stream(&self, number: u32) -> Option<Arc<ObjectStream>> {
        if let Some(stream) = self.object_streams.lock().expect("no holder panics").get(&number) {
            return stream;
        }
        let stream = self.read_object_stream(number).map(Arc::new);
        let size = stream.as_ref().map_or(0, |stream| stream.data.len() + stream.objects.len() * 16);
        self.object_streams.lock().expect("no holder panics").insert(number, stream.clone(), size);
        stream
    }

    fn read_object_stream(&self, number: u32) -> Option<ObjectStream> {
        let table = self.repaired.get().unwrap_or(&self.table);
        let Entry::At(offset) = *table.entries.get(&number)? else { return None };
        let (id, object) = self.object_at(offset).filter(|(id, _)| id.0 == number)?;
        let Object::Stream(stream) = self.decrypt(id, object) else { return None };
        self.parse_object_stream(&stream)
    }

    fn parse_object_stream(&self, stream: &Stream) -> Option<ObjectStream> {
        let first = usize::try_from(stream.dict.get(b"First").and_then(Object::as_i64).ok()?).ok()?;
        let data = self.decode_direct(stream)?;
        let mut lexer = Lexer::of_file(&data[..first.min(data.len())], 0);
        let mut objects = Vec::new();
        while let (Some(number), Some(offset)) = (lexer.integer(), lexer.integer()) {
            if let (Ok(number), Ok(offset)) = (u32::try_from(number), usize::try_from(offset)) {
                objects.push((number, first.saturating_add(offset)));
            }
        }
        Some(ObjectStream { data, objects })
    }

    /// Decodes a stream whose filters are written in its own dictionary, as those of the file's structure have to be.
    fn decode_direct(&self, stream: &Stream) -> Option<Vec<u8>> {
        let is_direct = |key: &[u8]| match stream.dict.get(key) {
            Ok(Object::Array(items)) => !items.iter().any(|item| item.as_reference().is_ok()),
            Ok(Object::Reference(_)) => false,
            _ => true,
        };
        if is_direct(b"Filter") && is_direct(b"DecodeParms") { self.decode(stream) } else { None }
    }
}

/// About how many bytes an object takes in memory.
fn size_of_object(object: &Object) -> usize {
    const ENTRY: usize = 64;
    let entries = |dictionary: &Dictionary| -> usize {
        dictionary.iter().map(|(key, value)| ENTRY + key.len() + size_of_object(value)).sum()
    };
    ENTRY
        + match object {
            Object::Array(items) => items.iter().map(size_of_object).sum(),
            Object::Dictionary(dictionary) => entries(dictionary),
            Object::Stream(stream) => entries(&stream.dict) + stream.content.len(),
            Object::String(bytes, _) | Object::Name(bytes) => bytes.len(),
            _ => 0,
        }
}
