//! Which languages a document is in, by the trigrams and alphabets of whatlang: 70 languages. Texts of less than a few dozen letters
//! take the language around them, because trigrams of so few say little.

use std::collections::BTreeMap;

use whatlang::{Detector, Lang, Script};

use crate::document::{Block, BlockKind, Document};

/// Letters from which on a block's language is its own.
const ENOUGH_LETTERS: usize = 60;
/// How sure its language has to be.
const ENOUGH_CONFIDENCE: f64 = 0.6;
/// Shares of letters below this are not a language of the document.
const LEAST_SHARE: f64 = 0.02;

/// A language and how much of the document is in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// ISO 639-1 where there is one, else 639-3.
    pub code: &'static str,
    /// Its English name.
    pub name: &'static str,
    /// ISO 15924, such as `Latn`.
    pub script: &'static str,
    /// The share of the document's letters, 0 to 1.
    pub share: f64,
}

/// The languages of a document.
#[derive(Debug, Clone, Default)]
pub struct Languages {
    of_blocks: Vec<Option<Lang>>,
    shares: Vec<Share>,
}

impl Languages {
    /// Finds them. Code counts for nothing.
    pub fn of(document: &Document) -> Self {
        let letters = |block: &Block| block.text.chars().filter(|char| char.is_alphabetic()).count();
        // First among all languages, then, for what is not sure, among those that the document is in.
        let detector = Detector::new();
        let mut of_blocks: Vec<Option<Lang>> = Vec::with_capacity(document.blocks.len());
        let mut totals: BTreeMap<&'static str, (Lang, Script, usize)> = BTreeMap::new();
        let mut pending: Vec<usize> = Vec::new();
        let mut gathered = String::new();
        for (at, block) in document.blocks.iter().enumerate() {
            of_blocks.push(None);
            if block.kind == BlockKind::Code {
                continue;
            }
            let count = letters(block);
            let info = (count >= ENOUGH_LETTERS).then(|| detector.detect(&block.text)).flatten();
            if let Some(info) = info.filter(|info| info.confidence() >= ENOUGH_CONFIDENCE) {
                of_blocks[at] = Some(info.lang());
                totals.entry(info.lang().code()).or_insert((info.lang(), info.script(), 0)).2 += count;
            } else {
                pending.push(at);
                if gathered.len() < 20_000 {
                    gathered.push_str(&block.text);
                    gathered.push('\n');
                }
            }
        }
        if totals.is_empty() {
            // Nothing long enough: all of it at once, as sure as that is.
            if let Some(info) = detector.detect(&gathered) {
                totals.insert(info.lang().code(), (info.lang(), info.script(), 1));
            }
        }
        let known: Vec<Lang> = totals.values().map(|(lang, ..)| *lang).collect();
        let main = totals.values().max_by_key(|(_, _, count)| *count).map(|(lang, ..)| *lang);
        let among = (!known.is_empty()).then(|| Detector::with_allowlist(known.clone()));
        let mut last = main;
        let mut waiting = pending.into_iter().peekable();
        for (at, of_block) in of_blocks.iter_mut().enumerate() {
            if waiting.next_if_eq(&at).is_some() {
                let block = &document.blocks[at];
                let count = letters(block);
                let lang = among
                    .as_ref()
                    .filter(|_| known.len() > 1 && count >= ENOUGH_LETTERS / 3)
                    .and_then(|detector| detector.detect(&block.text))
                    .filter(|info| info.confidence() >= ENOUGH_CONFIDENCE)
                    .map(|info| info.lang());
                let lang = lang.or(last);
                *of_block = lang.filter(|_| count > 0);
                if let Some(entry) = of_block.and_then(|lang| totals.get_mut(lang.code())) {
                    entry.2 += count;
                }
            }
            last = of_block.or(last);
        }
        let all: usize = totals.values().map(|(.., count)| count).sum();
        let mut shares: Vec<Share> = totals
            .values()
            .map(|(lang, script, count)| Share {
                code: code(*lang),
                name: lang.eng_name(),
                script: script_code(*lang, *script),
                share: *count as f64 / all.max(1) as f64,
            })
            .filter(|share| share.share >= LEAST_SHARE)
            .collect();
        shares.sort_by(|a, b| b.share.total_cmp(&a.share).then(a.code.cmp(b.code)));
        Self { of_blocks, shares }
    }

    /// Those of at least two hundredths of the letters, the largest first.
    pub fn shares(&self) -> &[Share] {
        &self.shares
    }

    /// The code of most of the document.
    pub fn main(&self) -> Option<&'static str> {
        self.shares.first().map(|share| share.code)
    }

    /// The code of a block's language.
    pub fn of_block(&self, block: usize) -> Option<&'static str> {
        self.of_blocks.get(block).copied().flatten().map(code)
    }
}

/// The English name of a language by its code, and the script of a text in it (ISO 15924); nothing of codes that are not known here.
pub fn described(code: &str, text: &str) -> Option<(&'static str, &'static str)> {
    let lang = Lang::all().iter().copied().find(|lang| self::code(*lang) == code)?;
    Some((lang.eng_name(), script_code(lang, whatlang::detect_script(text)?)))
}

/// ISO 639-1 where there is one.
fn code(lang: Lang) -> &'static str {
    match lang {
        Lang::Epo => "eo",
        Lang::Eng => "en",
        Lang::Rus => "ru",
        Lang::Cmn => "zh",
        Lang::Spa => "es",
        Lang::Por => "pt",
        Lang::Ita => "it",
        Lang::Ben => "bn",
        Lang::Fra => "fr",
        Lang::Deu => "de",
        Lang::Ukr => "uk",
        Lang::Kat => "ka",
        Lang::Ara => "ar",
        Lang::Hin => "hi",
        Lang::Jpn => "ja",
        Lang::Heb => "he",
        Lang::Yid => "yi",
        Lang::Pol => "pl",
        Lang::Amh => "am",
        Lang::Jav => "jv",
        Lang::Kor => "ko",
        Lang::Nob => "nb",
        Lang::Dan => "da",
        Lang::Swe => "sv",
        Lang::Fin => "fi",
        Lang::Tur => "tr",
        Lang::Nld => "nl",
        Lang::Hun => "hu",
        Lang::Ces => "cs",
        Lang::Ell => "el",
        Lang::Bul => "bg",
        Lang::Bel => "be",
        Lang::Mar => "mr",
        Lang::Kan => "kn",
        Lang::Ron => "ro",
        Lang::Slv => "sl",
        Lang::Hrv => "hr",
        Lang::Srp => "sr",
        Lang::Mkd => "mk",
        Lang::Lit => "lt",
        Lang::Lav => "lv",
        Lang::Est => "et",
        Lang::Tam => "ta",
        Lang::Vie => "vi",
        Lang::Urd => "ur",
        Lang::Tha => "th",
        Lang::Guj => "gu",
        Lang::Uzb => "uz",
        Lang::Pan => "pa",
        Lang::Aze => "az",
        Lang::Ind => "id",
        Lang::Tel => "te",
        Lang::Pes => "fa",
        Lang::Mal => "ml",
        Lang::Ori => "or",
        Lang::Mya => "my",
        Lang::Nep => "ne",
        Lang::Sin => "si",
        Lang::Khm => "km",
        Lang::Tuk => "tk",
        Lang::Aka => "ak",
        Lang::Zul => "zu",
        Lang::Sna => "sn",
        Lang::Afr => "af",
        Lang::Lat => "la",
        Lang::Slk => "sk",
        Lang::Cat => "ca",
        Lang::Tgl => "tl",
        Lang::Hye => "hy",
        Lang::Cym => "cy",
    }
}

fn script_code(lang: Lang, script: Script) -> &'static str {
    if lang == Lang::Jpn {
        return "Jpan";
    }
    match script {
        Script::Arabic => "Arab",
        Script::Armenian => "Armn",
        Script::Bengali => "Beng",
        Script::Cyrillic => "Cyrl",
        Script::Devanagari => "Deva",
        Script::Ethiopic => "Ethi",
        Script::Georgian => "Geor",
        Script::Greek => "Grek",
        Script::Gujarati => "Gujr",
        Script::Gurmukhi => "Guru",
        Script::Hangul => "Hang",
        Script::Hebrew => "Hebr",
        Script::Hiragana | Script::Katakana => "Jpan",
        Script::Kannada => "Knda",
        Script::Khmer => "Khmr",
        Script::Latin => "Latn",
        Script::Malayalam => "Mlym",
        Script::Mandarin => "Hani",
        Script::Myanmar => "Mymr",
        Script::Oriya => "Orya",
        Script::Sinhala => "Sinh",
        Script::Tamil => "Taml",
        Script::Telugu => "Telu",
        Script::Thai => "Thai",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGLISH: &str =
        "The committee met on Tuesday and agreed that the harbour should be deepened before the winter.";
    const GERMAN: &str =
        "Der Ausschuss hat am Dienstag beschlossen, dass der Hafen noch vor dem Winter vertieft werden soll.";

    fn document(texts: &[&str]) -> Document {
        Document { blocks: texts.iter().map(|text| Block::new(1, BlockKind::Paragraph, *text)).collect() }
    }

    #[test]
    fn each_block_has_its_language_and_short_ones_that_around_them() {
        let languages = Languages::of(&document(&[ENGLISH, "Harbour", GERMAN, "Hafen", "12.5"]));
        let found: Vec<_> = (0..5).map(|at| languages.of_block(at)).collect();
        assert_eq!(found, [Some("en"), Some("en"), Some("de"), Some("de"), None]);
        let shares: Vec<_> = languages.shares().iter().map(|share| share.code).collect();
        assert_eq!(shares.len(), 2);
        assert!((languages.shares().iter().map(|share| share.share).sum::<f64>() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn scripts_are_told_apart() {
        for (text, code, script) in [
            ("東京は日本の首都であり、世界でも最も人口の多い都市の一つです。", "ja", "Jpan"),
            ("北京是中华人民共和国的首都,也是全国的政治中心和文化中心。", "zh", "Hani"),
            ("Москва является столицей России и крупнейшим по численности населения городом.", "ru", "Cyrl"),
            ("القاهرة هي عاصمة جمهورية مصر العربية وأكبر مدنها من حيث عدد السكان.", "ar", "Arab"),
        ] {
            let languages = Languages::of(&document(&[text]));
            assert_eq!(
                languages.shares().first().map(|share| (share.code, share.script)),
                Some((code, script)),
                "{text}"
            );
        }
        assert!(Languages::of(&document(&["12 34"])).shares().is_empty());
    }
}
