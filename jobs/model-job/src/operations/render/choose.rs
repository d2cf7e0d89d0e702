//! What a file has by name or number.

use contract::Failure;
use scene::document::Document;
use scene::evaluate::{Camera, variants};
use scene::load::KNOWN_EXTENSIONS;

/// Extensions that the loader reads but whose effect is not drawn.
const NOT_DRAWN: &[&str] = &["EXT_texture_avif"];

/// An unknown extension that a file says it cannot be shown without is refused.
pub fn check_extensions(document: &Document) -> Result<(), Failure> {
    let unknown: Vec<&str> = document
        .extensions_required
        .iter()
        .map(String::as_str)
        .filter(|name| !KNOWN_EXTENSIONS.contains(name))
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(Failure::invalid_input(format!(
        "the model cannot be shown without {}, which is not supported; save it without this extension",
        unknown.join(", ")
    )))
}

/// Warnings of what is shown without its extension.
pub fn unknown_extensions(document: &Document) -> Vec<String> {
    let is_unknown = |name: &&String| !KNOWN_EXTENSIONS.contains(&name.as_str()) || NOT_DRAWN.contains(&name.as_str());
    let unknown = document.extensions_used.iter().filter(is_unknown);
    unknown.map(|name| format!("the extension {name} is not drawn")).collect()
}

/// The animation that moves the model: the one asked for, or the first.
pub fn animation(document: &Document, asked: Option<&str>) -> Result<Option<usize>, Failure> {
    let names: Vec<Option<&str>> = document
        .animations
        .iter()
        .map(|animation| animation.rest.get("name").and_then(serde_json::Value::as_str))
        .collect();
    match asked {
        None => Ok((!names.is_empty()).then_some(0)),
        Some("none") => Ok(None),
        Some(asked) => find("animation", asked, &names).map(Some),
    }
}

/// The variant asked for.
pub fn variant(document: &Document, asked: Option<&str>) -> Result<Option<usize>, Failure> {
    let names = variants(document);
    let names: Vec<Option<&str>> = names.iter().map(|name| Some(name.as_str())).collect();
    asked.map(|asked| find("variant", asked, &names)).transpose()
}

/// The camera asked for.
pub fn camera<'a>(cameras: &'a [Camera], asked: &str) -> Result<&'a Camera, Failure> {
    let names: Vec<Option<&str>> = cameras.iter().map(|camera| camera.name.as_deref()).collect();
    find("camera", asked, &names).map(|at| &cameras[at])
}

fn find(what: &str, asked: &str, names: &[Option<&str>]) -> Result<usize, Failure> {
    let by_name = names.iter().position(|name| *name == Some(asked));
    let by_number = || asked.parse::<usize>().ok().filter(|&number| number < names.len());
    by_name.or_else(by_number).ok_or_else(|| {
        let has = if names.is_empty() {
            format!("the model has no {what}s")
        } else {
            let list: Vec<String> = names
                .iter()
                .enumerate()
                .take(20)
                .map(|(number, name)| name.map_or_else(|| number.to_string(), |name| format!("{name:?}")))
                .collect();
            format!("the model has {}", list.join(", "))
        };
        Failure::invalid_request(format!("{what} {asked:?} not found; {has}"))
    })
}
