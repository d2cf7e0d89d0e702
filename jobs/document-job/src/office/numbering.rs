//! Numbers and letters that count paragraphs.

/// How a number is written (ECMA-376, part 1, 17.18.59 and 20.1.10.61; HTML 4.4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Numerals {
    #[default]
    Decimal,
    /// With a zero before a single digit.
    DecimalZero,
    LowerLetter,
    UpperLetter,
    LowerRoman,
    UpperRoman,
    /// 1st, 2nd.
    Ordinal,
    /// Nothing is written.
    None,
    /// A sign in the place of a number.
    Bullet,
}

impl Numerals {
    /// By the name that Word gives it.
    pub(crate) fn of_word(name: &str) -> Self {
        match name {
            "decimalZero" => Self::DecimalZero,
            "lowerLetter" => Self::LowerLetter,
            "upperLetter" => Self::UpperLetter,
            "lowerRoman" => Self::LowerRoman,
            "upperRoman" => Self::UpperRoman,
            "ordinal" => Self::Ordinal,
            "none" => Self::None,
            "bullet" => Self::Bullet,
            // Numerals of other scripts are given in ours.
            _ => Self::Decimal,
        }
    }

    pub(crate) fn write(self, number: u32) -> String {
        match self {
            Self::Decimal => number.to_string(),
            Self::DecimalZero => format!("{number:02}"),
            Self::LowerLetter => letters(number).to_lowercase(),
            Self::UpperLetter => letters(number),
            Self::LowerRoman => roman(number).to_lowercase(),
            Self::UpperRoman => roman(number),
            Self::Ordinal => {
                let ending = match (number % 10, number % 100) {
                    (1, rest) if rest != 11 => "st",
                    (2, rest) if rest != 12 => "nd",
                    (3, rest) if rest != 13 => "rd",
                    _ => "th",
                };
                format!("{number}{ending}")
            }
            Self::None | Self::Bullet => String::new(),
        }
    }
}

/// A, B, … Z, AA, BB, as Word counts.
fn letters(number: u32) -> String {
    let Some(number) = number.checked_sub(1) else { return "0".to_owned() };
    let letter = char::from(b'A' + (number % 26) as u8);
    letter.to_string().repeat((number / 26 + 1).min(100) as usize)
}

fn roman(number: u32) -> String {
    const SIGNS: [(u32, &str); 13] = [
        (1000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    if !(1..4000).contains(&number) {
        return number.to_string();
    }
    let mut rest = number;
    let mut written = String::new();
    for (value, sign) in SIGNS {
        while rest >= value {
            written.push_str(sign);
            rest -= value;
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_each_way() {
        for (numerals, number, expected) in [
            (Numerals::Decimal, 12, "12"),
            (Numerals::DecimalZero, 7, "07"),
            (Numerals::LowerLetter, 5, "e"),
            (Numerals::UpperLetter, 28, "BB"),
            (Numerals::LowerRoman, 4, "iv"),
            (Numerals::UpperRoman, 1994, "MCMXCIV"),
            (Numerals::Ordinal, 22, "22nd"),
            (Numerals::Ordinal, 11, "11th"),
        ] {
            assert_eq!(numerals.write(number), expected);
        }
    }
}
