//! Small readers over JSON objects. Each takes what it reads out of the object, so that what is left is what the
//! program does not know, and is kept.

use contract::Failure;
use serde_json::{Map, Number, Value};

/// A JSON object in the order of its file.
pub type Object = Map<String, Value>;

/// Takes an array of objects; empty where there is none.
pub fn take_objects(object: &mut Object, key: &str) -> Result<Vec<Object>, Failure> {
    match object.remove(key) {
        None => Ok(Vec::new()),
        Some(Value::Array(values)) => values
            .into_iter()
            .map(|value| match value {
                Value::Object(object) => Ok(object),
                _ => Err(wrong(key, "an array of objects")),
            })
            .collect(),
        Some(_) => Err(wrong(key, "an array of objects")),
    }
}

/// Takes an object.
pub fn take_object(object: &mut Object, key: &str) -> Result<Option<Object>, Failure> {
    match object.remove(key) {
        None => Ok(None),
        Some(Value::Object(inner)) => Ok(Some(inner)),
        Some(_) => Err(wrong(key, "an object")),
    }
}

/// Takes a count, an offset or a length.
pub fn take_size(object: &mut Object, key: &str) -> Result<Option<usize>, Failure> {
    match object.remove(key) {
        None => Ok(None),
        Some(value) => size(&value).map(Some).ok_or_else(|| wrong(key, "a whole number that is not negative")),
    }
}

/// Takes a number of one of `len` things called `what`.
pub fn take_index(object: &mut Object, key: &str, len: usize, what: &str) -> Result<Option<usize>, Failure> {
    let index = take_size(object, key)?;
    match index {
        Some(index) if index >= len => {
            Err(Failure::invalid_input(format!("{key} is {index}, but the file has {len} {what}")))
        }
        _ => Ok(index),
    }
}

/// Takes a list of numbers of `len` things called `what`.
pub fn take_indices(object: &mut Object, key: &str, len: usize, what: &str) -> Result<Vec<usize>, Failure> {
    let Some(value) = object.remove(key) else { return Ok(Vec::new()) };
    let Value::Array(values) = value else { return Err(wrong(key, "an array of numbers")) };
    values
        .iter()
        .map(|value| match size(value) {
            Some(index) if index < len => Ok(index),
            _ => Err(Failure::invalid_input(format!("{key} holds {value}, but the file has {len} {what}"))),
        })
        .collect()
}

/// Takes a text.
pub fn take_text(object: &mut Object, key: &str) -> Result<Option<String>, Failure> {
    match object.remove(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(wrong(key, "a text")),
    }
}

/// Takes exactly `N` numbers.
pub fn take_numbers<const N: usize>(object: &mut Object, key: &str) -> Result<Option<[f64; N]>, Failure> {
    let Some(value) = object.remove(key) else { return Ok(None) };
    let numbers: Option<Vec<f64>> =
        value.as_array().and_then(|values| values.iter().map(Value::as_f64).collect::<Option<_>>());
    match numbers.and_then(|numbers| <[f64; N]>::try_from(numbers).ok()) {
        Some(numbers) => Ok(Some(numbers)),
        None => Err(wrong(key, &format!("an array of {N} numbers"))),
    }
}

/// A number that is whole and not negative; glTF allows `3.0` for 3.
pub fn size(value: &Value) -> Option<usize> {
    if let Some(size) = value.as_u64() {
        return usize::try_from(size).ok();
    }
    let float = value.as_f64()?;
    (float >= 0.0 && float.fract() == 0.0 && float < 9e15).then_some(float as usize)
}

/// A number of single precision in as few digits as tell it apart; whole numbers without a point.
pub fn single(value: f64) -> Value {
    let value = value as f32;
    if value.fract() == 0.0 && value.abs() < 16_777_216.0 {
        return Value::from(value as i64);
    }
    let shortest: f64 = value.to_string().parse().unwrap_or_default();
    Number::from_f64(shortest).map_or(Value::from(0), Value::Number)
}

/// See [`single`].
pub fn singles(values: impl IntoIterator<Item = f64>) -> Value {
    Value::Array(values.into_iter().map(single).collect())
}

fn wrong(key: &str, expected: &str) -> Failure {
    Failure::invalid_input(format!("{key} in the glTF is not {expected}"))
}
