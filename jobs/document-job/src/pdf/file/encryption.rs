//! Encrypted files (ISO 32000-2, 7.6): the password is tried, and objects are decrypted as they are read. lopdf has the
//! algorithms.

use lopdf::{Dictionary, EncryptionState, Object, ObjectId};

use super::{File, OpenError};

pub(super) struct Encryption {
    state: EncryptionState,
    dictionary: Option<u32>,
}

impl File<'_> {
    pub(super) fn decrypt(&self, id: ObjectId, mut object: Object) -> Object {
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

    pub(super) fn open_encryption(&self, password: Option<&str>) -> Result<Option<Encryption>, OpenError> {
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
}

/// Whether strings and streams are as they are, and only embedded files need the password.
fn only_attachments_are_encrypted(encryption: &Dictionary) -> bool {
    let is_identity = |key: &[u8]| encryption.get(key).and_then(Object::as_name).unwrap_or(b"Identity") == b"Identity";
    encryption.get(b"V").and_then(Object::as_i64).is_ok_and(|version| version >= 4)
        && is_identity(b"StmF")
        && is_identity(b"StrF")
}
