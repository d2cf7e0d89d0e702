//! What colours mean, in words.

use moxcms::{ColorProfile, ProfileText};
use serde_json::{Map, Value, json};

use crate::decode::Profile;

/// `source` (`icc`, `codePoints`, `gamma` or `assumed`), and of an ICC profile its `name`, its `space` (`RGB`, `GRAY`,
/// `CMYK`, …) and its size in `bytes`; code points as ITU-T H.273 numbers them. What of it could not be read, in words.
pub fn colour_profile(profile: &Profile) -> (Value, Option<String>) {
    match profile {
        Profile::Srgb => (json!({ "source": "assumed", "name": "sRGB", "space": "RGB" }), None),
        Profile::CodePoints { primaries, transfer } => {
            (json!({ "source": "codePoints", "primaries": primaries, "transfer": transfer }), None)
        }
        Profile::Gamma { gamma, chromaticities } => {
            let mut facts = json!({ "source": "gamma", "gamma": f64::from(*gamma) / 100_000.0 });
            if let Some(points) = chromaticities {
                facts["chromaticities"] = points.iter().map(|point| f64::from(*point) / 100_000.0).collect();
            }
            (facts, None)
        }
        Profile::Icc(icc) => {
            let mut facts = Map::new();
            facts.insert("source".to_owned(), "icc".into());
            facts.insert("bytes".to_owned(), icc.len().into());
            // The space stands in the header, whatever the rest is like.
            if let Some(space) = icc.get(16..20).filter(|space| space.is_ascii()) {
                facts.insert("space".to_owned(), String::from_utf8_lossy(space).trim().into());
            }
            let unread = match ColorProfile::new_from_slice(icc) {
                Ok(parsed) => {
                    facts.extend(name(&parsed).map(|name| ("name".to_owned(), name.into())));
                    None
                }
                Err(error) => Some(format!("the ICC profile cannot be read: {error:?}")),
            };
            (facts.into(), unread)
        }
    }
}

fn name(profile: &ColorProfile) -> Option<String> {
    let text = match profile.description.as_ref()? {
        ProfileText::PlainString(text) => text,
        ProfileText::Localizable(texts) => {
            let english = texts.iter().find(|text| text.language == "en");
            &english.or_else(|| texts.first())?.value
        }
        ProfileText::Description(text) if text.ascii_string.is_empty() => &text.unicode_string,
        ProfileText::Description(text) => &text.ascii_string,
    };
    Some(text.trim_matches(['\0', ' ']).to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_told_by_its_name_and_space_even_if_it_is_damaged() {
        let icc = ColorProfile::new_display_p3().encode().unwrap();
        let (facts, unread) = colour_profile(&Profile::Icc(icc.clone()));
        assert_eq!((facts["source"].as_str(), facts["space"].as_str(), unread), (Some("icc"), Some("RGB"), None));
        assert!(facts["name"].as_str().is_some_and(|name| name.contains("P3")), "{facts}");
        let (facts, unread) = colour_profile(&Profile::Icc(icc[..100].to_vec()));
        assert_eq!(facts["space"], "RGB");
        assert!(unread.is_some());
    }
}
