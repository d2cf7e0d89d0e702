//! A PDF file as a table of objects that are read when they are asked for. The cross-reference is followed as written;
//! where it leads astray the file is searched for objects instead. The objects are lopdf's, and so is the decryption.
//!
//! Nothing here recurses into another object while one is being read, so that no file can make it loop.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use lopdf::{Dictionary, EncryptionState, Object, ObjectId, Stream};
use memchr::memmem;

use super::filter;
use super::lexer::{Lexer, Token, is_space};

/// Output of one stream. A page's content of this size would be 30,000 pages of text.
const MAX_STREAM: usize = 128 << 20;
/// Output of all streams of a file together.
const MAX_DECODED: usize = 2 << 30;
/// References that lead to references.
const MAX_REFERENCES: usize = 32;
/// Filters of one stream.
const MAX_FILTERS: usize = 8;

/// An open PDF file.
pub(crate) struct File<'a> {
    data: &'a [u8],
    table: Table,
    repaired: OnceLock<Table>,
    encryption: Option<Encryption>,
    objects: Mutex<HashMap<u32, Arc<Object>>>,
    object_streams: Mutex<HashMap<u32, Option<Arc<ObjectStream>>>>,
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

#[derive(Default)]
struct Table {
    entries: HashMap<u32, Entry>,
    trailer: Dictionary,
}

#[derive(Clone, Copy)]
enum Entry {
    Free,
    At(usize),
    InStream { stream: u32, index: usize },
}

struct Encryption {
    state: EncryptionState,
    dictionary: Option<u32>,
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
            objects: Mutex::default(),
            object_streams: Mutex::default(),
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
            return Arc::clone(object);
        }
        let object = Arc::new(self.read(id.0).unwrap_or(Object::Null));
        let is_copy = matches!(&*object, Object::Stream(stream) if !stream.content.is_empty());
        if !is_copy {
            self.objects.lock().expect("no holder panics").insert(id.0, Arc::clone(&object));
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
            }
            bytes = Some(filter::unpredict(decoded.bytes, parameters));
        }
        bytes
    }

    /// Whether a stream's data ends in a filter that makes a picture.
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
                let streams = self.object_streams.try_lock().ok()?;
                let stream = streams.get(&stream)?.as_ref()?;
                let (_, offset) = stream.objects.iter().find(|(found, _)| *found == number)?;
                Lexer::of_file(&stream.data, *offset).integer()
            }
            Entry::Free => None,
        }
    }

    fn object_stream(&self, number: u32) -> Option<Arc<ObjectStream>> {
        if let Some(stream) = self.object_streams.lock().expect("no holder panics").get(&number) {
            return stream.clone();
        }
        let stream = self.read_object_stream(number).map(Arc::new);
        self.object_streams.lock().expect("no holder panics").insert(number, stream.clone());
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

    // --- encryption ---

    fn decrypt(&self, id: ObjectId, mut object: Object) -> Object {
        let Some(encryption) = &self.encryption else { return object };
        if encryption.dictionary == Some(id.0) {
            return object;
        }
        if let Object::Stream(stream) = &mut object {
            if stream.dict.has_type(b"XRef") {
                return object;
            }
            let content = self.raw(stream).to_vec();
            stream.content = content;
            stream.start_position = None;
        }
        // What cannot be decrypted stays as it is; the text that comes of it shows it.
        let _ = lopdf::encryption::decrypt_object(&encryption.state, id, &mut object);
        object
    }

    fn open_encryption(&self, password: Option<&str>) -> Result<Option<Encryption>, OpenError> {
        let Ok(entry) = self.table.trailer.get(b"Encrypt") else { return Ok(None) };
        self.objects.lock().expect("no holder panics").clear();
        self.object_streams.lock().expect("no holder panics").clear();
        let number = entry.as_reference().ok().map(|id| id.0);
        let Some(dictionary) = self.dictionary(entry) else { return Ok(None) };
        if only_attachments_are_encrypted(&dictionary) {
            return Ok(None);
        }
        let mut document = lopdf::Document::new();
        document.objects.insert((1, 0), Object::Dictionary(self.sound_encryption(&dictionary)));
        document.trailer.set("Encrypt", Object::Reference((1, 0)));
        let id = self.array_entry(&self.table.trailer, b"ID").unwrap_or_default();
        let id: Vec<Object> = id.iter().map(|part| (*self.resolve(part)).clone()).collect();
        let id = if id.is_empty() { vec![Object::string_literal(""); 2] } else { id };
        document.trailer.set("ID", Object::Array(id));
        self.objects.lock().expect("no holder panics").clear();

        let mut candidates: Vec<Vec<u8>> = vec![Vec::new()];
        if let Some(password) = password {
            candidates.push(password.as_bytes().to_vec());
            candidates
                .push(lopdf::Document::encode_text(&lopdf::Encoding::SimpleEncoding(b"PDFDocEncoding"), password));
            candidates.push(password.chars().map(|char| u8::try_from(u32::from(char)).unwrap_or(b'?')).collect());
        }
        let mut reason = None;
        for candidate in candidates {
            match document.authenticate_raw_password(&candidate) {
                Ok(()) => match EncryptionState::decode(&document, &candidate) {
                    Ok(state) => return Ok(Some(Encryption { state, dictionary: number })),
                    Err(error) => reason = Some(error),
                },
                Err(error) => reason = Some(error),
            }
        }
        match reason {
            Some(lopdf::Error::Decryption(lopdf::encryption::DecryptionError::IncorrectPassword)) | None => {
                Err(OpenError::Password)
            }
            Some(error) => Err(OpenError::Encryption(error.to_string())),
        }
    }

    /// The encryption dictionary with its references followed, and with the key lengths that its version implies where
    /// producers wrote others.
    fn sound_encryption(&self, dictionary: &Dictionary) -> Dictionary {
        let mut sound = Dictionary::new();
        for (key, value) in dictionary {
            let value = match &*self.resolve(value) {
                Object::Dictionary(inner) => {
                    let mut direct = Dictionary::new();
                    for (key, value) in inner {
                        direct.set(key.clone(), (*self.resolve(value)).clone());
                    }
                    Object::Dictionary(direct)
                }
                other => other.clone(),
            };
            sound.set(key.clone(), value);
        }
        let length = sound.get(b"Length").and_then(Object::as_i64).ok();
        match (sound.get(b"V").and_then(Object::as_i64), length) {
            (Ok(1), Some(_)) | (Ok(2 | 3), None) => sound.set("Length", 40),
            (Ok(2 | 3), Some(length @ 5..=16)) => sound.set("Length", length * 8),
            (Ok(4), Some(_)) => sound.set("Length", 128),
            (Ok(5), Some(_)) => sound.set("Length", 256),
            _ => {}
        }
        sound
    }

    // --- the cross-reference ---

    fn has_pages(&self) -> bool {
        self.catalog().is_some_and(|catalog| self.dictionary_entry(&catalog, b"Pages").is_some())
    }

    fn use_repaired(&mut self) {
        self.repair();
        if let Some(table) = self.repaired.take() {
            let copy = Table { entries: table.entries.clone(), trailer: table.trailer.clone() };
            self.table = copy;
            // Kept, so that it is known, and not made again.
            let _ = self.repaired.set(table);
        }
        self.objects.lock().expect("no holder panics").clear();
        self.object_streams.lock().expect("no holder panics").clear();
    }

    fn read_table(&self) -> Table {
        let mut table = Table::default();
        let tail = self.data.len().saturating_sub(2048);
        let Some(at) = memmem::rfind(&self.data[tail..], b"startxref") else { return table };
        let mut pending: Vec<usize> = Vec::new();
        let start = Lexer::of_file(self.data, tail + at + 9).integer();
        pending.extend(start.and_then(|start| usize::try_from(start).ok()));
        let mut seen = HashSet::new();
        while let Some(offset) = pending.pop() {
            if offset >= self.data.len() || !seen.insert(offset) || seen.len() > 10_000 {
                continue;
            }
            let mut lexer = Lexer::of_file(self.data, offset);
            let trailer = if lexer.keyword(b"xref") {
                Self::read_section(lexer, &mut table)
            } else {
                self.read_xref_stream(offset, &mut table)
            };
            let Some(trailer) = trailer else { continue };
            for key in [&b"Prev"[..], b"XRefStm"] {
                let next = trailer.get(key).and_then(Object::as_i64).ok();
                pending.extend(next.and_then(|next| usize::try_from(next).ok()));
            }
            for (key, value) in &trailer {
                if !table.trailer.has(key) {
                    table.trailer.set(key.clone(), value.clone());
                }
            }
        }
        table
    }

    fn read_section(mut lexer: Lexer, table: &mut Table) -> Option<Dictionary> {
        while let Some(mut first) = lexer.integer() {
            let count = lexer.integer()?;
            for at in 0..count {
                let before = lexer.position;
                let Some(offset) = lexer.integer() else { break };
                lexer.integer()?;
                let in_use = lexer.keyword(b"n");
                if !in_use && !lexer.keyword(b"f") {
                    // The count was wrong: these are the next section's numbers.
                    lexer.position = before;
                    break;
                }
                // A first section that begins with the free head but says 1 is off by one.
                if at == 0 && first == 1 && !in_use && offset == 0 {
                    first = 0;
                }
                let Ok(number) = u32::try_from(first + at) else { break };
                let entry = match usize::try_from(offset) {
                    Ok(offset) if in_use && offset > 0 => Entry::At(offset),
                    _ => Entry::Free,
                };
                table.entries.entry(number).or_insert(entry);
            }
        }
        if !lexer.keyword(b"trailer") {
            return None;
        }
        match lexer.object()? {
            Object::Dictionary(dictionary) => Some(dictionary),
            _ => None,
        }
    }

    fn read_xref_stream(&self, offset: usize, table: &mut Table) -> Option<Dictionary> {
        let (_, Object::Stream(stream)) = self.object_at(offset)? else { return None };
        if !stream.dict.has_type(b"XRef") {
            return None;
        }
        let integers = |key: &[u8]| -> Option<Vec<usize>> {
            let array = stream.dict.get(key).ok()?.as_array().ok()?;
            array.iter().map(|item| item.as_i64().ok().and_then(|value| usize::try_from(value).ok())).collect()
        };
        let widths = integers(b"W").filter(|widths| widths.len() >= 3 && widths.iter().all(|width| *width <= 8))?;
        let data = self.decode_direct(&stream)?;
        let row = widths.iter().sum::<usize>();
        if row == 0 {
            return None;
        }
        let index = integers(b"Index").unwrap_or_else(|| vec![0, usize::MAX]);
        let mut rows = data.chunks_exact(row);
        for section in index.chunks_exact(2) {
            for at in 0..section[1] {
                let Some(row) = rows.next() else { break };
                let field = |from: usize, width: usize| {
                    row[from..from + width].iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte))
                };
                let kind = if widths[0] == 0 { 1 } else { field(0, widths[0]) };
                let second = field(widths[0], widths[1]);
                let third = field(widths[0] + widths[1], widths[2]);
                let entry = match kind {
                    1 => Entry::At(second as usize),
                    2 => Entry::InStream { stream: second as u32, index: third as usize },
                    _ => Entry::Free,
                };
                let Some(number) = section[0].checked_add(at).and_then(|number| u32::try_from(number).ok()) else {
                    break;
                };
                table.entries.entry(number).or_insert(entry);
            }
        }
        Some(stream.dict)
    }

    // --- repair ---

    fn repair(&self) -> &Table {
        self.repaired.get_or_init(|| self.search())
    }

    /// Searches the whole file for objects and trailers; of an object's versions the last counts.
    fn search(&self) -> Table {
        let mut table = Table::default();
        let mut streams = Vec::new();
        let mut catalog = None;
        for at in memmem::find_iter(self.data, b"obj") {
            let Some((number, offset)) = self.object_header_before(at) else { continue };
            table.entries.insert(number, Entry::At(offset));
            // Only a look at the dictionary: reading everything would make bombs of broken files.
            let head = &self.data[at + 3..self.data.len().min(at + 3 + 400)];
            let head = &head[..memmem::find(head, b"endobj").unwrap_or(head.len())];
            if memmem::find(head, b"/ObjStm").is_some() || memmem::find(head, b"/XRef").is_some() {
                streams.push(offset);
            } else if memmem::find(head, b"/Catalog").is_some() && memmem::find(head, b"/Pages").is_some() {
                catalog = Some(number);
            }
        }
        for at in memmem::find_iter(self.data, b"trailer") {
            if let Some(Object::Dictionary(dictionary)) = Lexer::of_file(self.data, at + 7).object() {
                for (key, value) in &dictionary {
                    table.trailer.set(key.clone(), value.clone());
                }
            }
        }
        for offset in streams {
            let Some((id, Object::Stream(stream))) = self.object_at(offset) else { continue };
            if stream.dict.has_type(b"XRef") {
                for key in [&b"Root"[..], b"Info", b"Encrypt", b"ID"] {
                    if let Ok(value) = stream.dict.get(key) {
                        table.trailer.set(key, value.clone());
                    }
                }
            } else if stream.dict.has_type(b"ObjStm") {
                let Object::Stream(stream) = self.decrypt(id, Object::Stream(stream)) else { continue };
                let Some(parsed) = self.parse_object_stream(&stream) else { continue };
                for (index, (number, offset)) in parsed.objects.iter().enumerate() {
                    let is_newer = match table.entries.get(number) {
                        Some(Entry::At(other)) => *other < offset.saturating_add(self.position_of(&stream)),
                        _ => true,
                    };
                    if is_newer {
                        table.entries.insert(*number, Entry::InStream { stream: id.0, index });
                    }
                    if catalog.is_none() && is_catalog(&parsed.data, *offset) {
                        catalog = Some(*number);
                    }
                }
            }
        }
        let root = table.trailer.get(b"Root").and_then(Object::as_reference).ok();
        if root.is_none_or(|root| !table.entries.contains_key(&root.0))
            && let Some(catalog) = catalog
        {
            table.trailer.set("Root", Object::Reference((catalog, 0)));
        }
        table
    }

    fn position_of(&self, stream: &Stream) -> usize {
        stream.start_position.unwrap_or(self.data.len())
    }

    /// Of `12 0 obj`, with `obj` at the position: the number and where it begins.
    fn object_header_before(&self, at: usize) -> Option<(u32, usize)> {
        let before = &self.data[..at];
        let skip_spaces = |mut end: usize| {
            while end > 0 && is_space(before[end - 1]) {
                end -= 1;
            }
            end
        };
        let skip_digits = |mut end: usize| {
            while end > 0 && before[end - 1].is_ascii_digit() {
                end -= 1;
            }
            end
        };
        let generation_end = skip_spaces(at);
        let generation = skip_digits(generation_end);
        let number_end = skip_spaces(generation);
        let number = skip_digits(number_end);
        if generation == generation_end || number_end == generation || number == number_end || number_end - number > 10
        {
            return None;
        }
        let value = std::str::from_utf8(&before[number..number_end]).ok()?.parse().ok()?;
        Some((value, number))
    }
}

/// Whether strings and streams are as they are, and only embedded files need the password.
fn only_attachments_are_encrypted(encryption: &Dictionary) -> bool {
    let is_identity = |key: &[u8]| encryption.get(key).and_then(Object::as_name).unwrap_or(b"Identity") == b"Identity";
    encryption.get(b"V").and_then(Object::as_i64).is_ok_and(|version| version >= 4)
        && is_identity(b"StmF")
        && is_identity(b"StrF")
}

fn is_catalog(data: &[u8], offset: usize) -> bool {
    match Lexer::of_file(data, offset).object() {
        Some(Object::Dictionary(dictionary)) => dictionary.has_type(b"Catalog") && dictionary.has(b"Pages"),
        _ => false,
    }
}
