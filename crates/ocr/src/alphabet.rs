//! Which signs are looked for.

/// The scripts of the languages that a text is in. Signs of others are not looked for, so that no blot becomes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alphabet {
    /// Chinese and Japanese signs, and the forms of others that are as broad as they are.
    pub ideographs: bool,
    /// Kana, which a Chinese text has none of.
    pub kana: bool,
}

impl Alphabet {
    /// Every sign that the network knows.
    pub const ALL: Self = Self { ideographs: true, kana: true };
    /// Latin letters, digits and the signs that texts with them have.
    pub const LATIN: Self = Self { ideographs: false, kana: false };

    /// Whether a sign is looked for.
    pub fn has(self, sign: char) -> bool {
        match script(sign) {
            Script::Ideograph => self.ideographs,
            Script::Kana => self.kana,
            Script::Other => true,
        }
    }
}

#[derive(PartialEq, Eq)]
enum Script {
    Ideograph,
    Kana,
    Other,
}

fn script(sign: char) -> Script {
    match u32::from(sign) {
        // Hiragana and katakana, their phonetic extensions and narrow forms.
        0x3041..=0x30FF | 0x31F0..=0x31FF | 0xFF66..=0xFF9F => Script::Kana,
        // Radicals, punctuation, Bopomofo, enclosed signs, compatibility forms, broad forms, and the ideographs themselves.
        0x2E80..=0x3040
        | 0x3100..=0x31EF
        | 0x3200..=0x9FFF
        | 0xF900..=0xFAFF
        | 0xFE10..=0xFE1F
        | 0xFE30..=0xFE4F
        | 0xFF00..=0xFF65
        | 0xFFE0..=0xFFE6
        | 0x2_0000..=0x3_FFFF => Script::Ideograph,
        _ => Script::Other,
    }
}

/// Whether signs stand beside each other without spaces: those of Chinese and Japanese.
pub fn is_ideographic(sign: char) -> bool {
    script(sign) != Script::Other
}

/// The usual form of a sign that is as broad as an ideograph (U+FF01 to U+FF5E, ideographic space, full stop and comma), for a
/// line that has no ideographs.
pub fn narrow(sign: char) -> char {
    match u32::from(sign) {
        broad @ 0xFF01..=0xFF5E => char::from_u32(broad - 0xFEE0).unwrap_or(sign),
        0x3000 => ' ',
        0x3001 => ',',
        0x3002 => '.',
        _ => sign,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_belong_to_the_scripts_of_their_languages() {
        for sign in ['a', 'é', 'ß', 'Ω', '7', '€', '—', '“', '①'] {
            assert!(Alphabet::LATIN.has(sign) && !is_ideographic(sign), "{sign}");
        }
        for sign in ['中', '，', '。', '（', '𠀋'] {
            assert!(!Alphabet::LATIN.has(sign) && Alphabet::ALL.has(sign), "{sign}");
        }
        let chinese = Alphabet { ideographs: true, kana: false };
        assert!(!chinese.has('の') && !chinese.has('ｱ') && chinese.has('的'));
    }

    #[test]
    fn broad_signs_have_a_usual_form() {
        let narrowed: String = "（Ａ１，。　中".chars().map(narrow).collect();
        assert_eq!(narrowed, "(A1,. 中");
    }
}
