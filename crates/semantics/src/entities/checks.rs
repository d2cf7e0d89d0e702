//! The checksums of numbers that have one. Each takes the number without spaces and separators, letters in upper case.

/// ISO 13616: an IBAN of its country's length, whose remainder by 97 is 1.
pub fn iban(text: &str) -> bool {
    iban_length(text).is_some_and(|length| text.len() == length) && text.is_ascii() && {
        let (head, tail) = text.split_at(4);
        remainder_97(tail.bytes().chain(head.bytes())) == Some(1)
    }
}

/// How long an IBAN of that country is (SWIFT's registry).
pub fn iban_length(text: &str) -> Option<usize> {
    Some(match text.get(..2)? {
        "NO" => 15,
        "BE" => 16,
        "DK" | "FI" | "FO" | "GL" | "NL" | "FK" | "SD" => 18,
        "MK" | "SI" => 19,
        "AT" | "BA" | "EE" | "KZ" | "LT" | "LU" | "XK" | "MN" => 20,
        "CH" | "CR" | "HR" | "LI" | "LV" => 21,
        "BG" | "BH" | "DE" | "GB" | "GE" | "IE" | "ME" | "RS" | "VA" => 22,
        "AE" | "GI" | "IL" | "IQ" | "OM" | "SO" | "TL" => 23,
        "AD" | "CZ" | "ES" | "MD" | "PK" | "RO" | "SA" | "SE" | "SK" | "TN" | "VG" => 24,
        "LY" | "PT" | "ST" => 25,
        "IS" | "TR" => 26,
        "DJ" | "FR" | "GR" | "IT" | "MC" | "MR" | "SM" | "BI" => 27,
        "AL" | "AZ" | "BY" | "CY" | "DO" | "GT" | "HU" | "LB" | "NI" | "PL" | "SV" => 28,
        "BR" | "EG" | "PS" | "QA" | "UA" => 29,
        "JO" | "KW" | "MU" | "YE" => 30,
        "MT" | "SC" => 31,
        "LC" => 32,
        "RU" => 33,
        _ => return None,
    })
}

/// ISO 17442: a legal entity identifier.
pub fn lei(text: &str) -> bool {
    text.len() == 20 && remainder_97(text.bytes()) == Some(1)
}

/// Digits, letters as 10 to 35, as one decimal number, by 97.
fn remainder_97(bytes: impl Iterator<Item = u8>) -> Option<u32> {
    let mut remainder = 0;
    for byte in bytes {
        let value = char::from(byte).to_digit(36)?;
        remainder = (remainder * if value < 10 { 10 } else { 100 } + value) % 97;
    }
    Some(remainder)
}

/// Luhn's sum (ISO 7812), letters as 10 to 35.
pub fn luhn(text: &str) -> bool {
    let mut digits = Vec::new();
    for char in text.chars() {
        let Some(value) = char.to_digit(36) else { return false };
        if value >= 10 {
            digits.push(value / 10);
        }
        digits.push(value % 10);
    }
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| if at % 2 == 0 { *digit } else { digit * 2 / 10 + digit * 2 % 10 })
        .sum();
    !digits.is_empty() && sum.is_multiple_of(10)
}

/// A payment card: the length of its network's numbers, and Luhn's sum.
pub fn card(digits: &str) -> bool {
    let number = |length: usize| digits.get(..length).and_then(|part| part.parse::<u32>().ok()).unwrap_or(0);
    let length = digits.len();
    let is_issued = match (number(1), number(2), number(3), number(4)) {
        (4, ..) => matches!(length, 13 | 16 | 19),
        (_, 51..=55, ..) | (_, _, _, 2221..=2720) => length == 16,
        (_, 34 | 37, ..) => length == 15,
        (_, _, _, 6011 | 3528..=3589) | (_, _, 644..=649, _) | (_, 62 | 65, ..) => (16..=19).contains(&length),
        (_, 36 | 38 | 39, ..) | (_, _, 300..=305, _) => length == 14,
        _ => false,
    };
    is_issued && luhn(digits)
}

/// ISBN-10 or ISBN-13.
pub fn isbn(text: &str) -> bool {
    let digit = |char: char| if char == 'X' { Some(10) } else { char.to_digit(10) };
    match text.len() {
        10 => {
            let is_form = text.bytes().take(9).all(|byte| byte.is_ascii_digit());
            let sum: Option<u32> =
                text.chars().zip((1..=10).rev()).map(|(char, weight)| Some(digit(char)? * weight)).sum();
            is_form && sum.is_some_and(|sum| sum % 11 == 0)
        }
        13 => {
            let sum: Option<u32> = text
                .chars()
                .enumerate()
                .map(|(at, char)| Some(char.to_digit(10)? * if at % 2 == 0 { 1 } else { 3 }))
                .sum();
            (text.starts_with("978") || text.starts_with("979")) && sum.is_some_and(|sum| sum % 10 == 0)
        }
        _ => false,
    }
}

/// ISSN: eight digits, the last by weights 8 to 2 modulo 11.
pub fn issn(text: &str) -> bool {
    let value = |(at, char): (usize, char)| if char == 'X' && at == 7 { Some(10) } else { char.to_digit(10) };
    let sum: Option<u32> =
        text.chars().enumerate().map(|(at, char)| Some(value((at, char))? * (8 - at.min(7) as u32))).sum();
    text.len() == 8 && sum.is_some_and(|sum| sum % 11 == 0)
}

/// ISO 7064 modulo 11-2 over sixteen digits, as ORCID has it.
pub fn orcid(text: &str) -> bool {
    let mut total = 0;
    for char in text.chars().take(15) {
        let Some(digit) = char.to_digit(10) else { return false };
        total = (total + digit) * 2 % 11;
    }
    let check = (12 - total % 11) % 11;
    text.len() == 16 && text.ends_with(if check == 10 { 'X' } else { char::from(b'0' + check as u8) })
}

/// An international securities identification number.
pub fn isin(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    text.len() == 12 && digits >= 4 && text.bytes().take(2).all(|byte| byte.is_ascii_uppercase()) && luhn(text)
}

/// What a VAT number's own digits prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vat {
    /// The form and the checksum of its country are right.
    Right,
    /// The form is right; the country has no public checksum, or its rule is not known here.
    Form,
    /// It is none.
    Wrong,
}

/// A VAT number with its country's letters: the 27 states of the EU, Northern Ireland, the United Kingdom, Norway and Switzerland.
pub fn vat(text: &str) -> Vat {
    let Some((country, number)) = text.split_at_checked(2) else { return Vat::Wrong };
    let digits: Vec<u32> = number.chars().filter_map(|char| char.to_digit(10)).collect();
    let all_digits = number.bytes().all(|byte| byte.is_ascii_digit());
    let weighed = |weights: &[u32]| weights.iter().zip(&digits).map(|(weight, digit)| weight * digit).sum::<u32>();
    let value =
        |range: std::ops::Range<usize>| digits[range].iter().fold(0_u64, |value, digit| value * 10 + u64::from(*digit));
    let of = |is_right: bool| if is_right { Vat::Right } else { Vat::Wrong };
    let form = |is_form: bool| if is_form { Vat::Form } else { Vat::Wrong };
    let count = digits.len();
    match (country, count, all_digits) {
        ("DE", 9, true) => {
            // ISO 7064 modulo 11, 10.
            let product = digits[..8].iter().fold(10, |product, digit| {
                let sum = (digit + product) % 10;
                (2 * if sum == 0 { 10 } else { sum }) % 11
            });
            of((11 - product) % 10 == digits[8] && digits[0] != 0)
        }
        ("AT", 8, false) if number.starts_with('U') => {
            let sum: u32 = digits[..7]
                .iter()
                .enumerate()
                .map(|(at, digit)| if at % 2 == 0 { *digit } else { digit * 2 / 10 + digit * 2 % 10 })
                .sum();
            of((10 - (sum + 4) % 10) % 10 == digits[7])
        }
        ("BE", 10, true) => of(97 - value(0..8) % 97 == value(8..10) && digits[0] <= 1),
        ("DK", 8, true) => of(weighed(&[2, 7, 6, 5, 4, 3, 2, 1]) % 11 == 0 && digits[0] != 0),
        ("FI", 8, true) => of(weighed(&[7, 9, 10, 5, 8, 4, 2, 1]) % 11 == 0),
        ("FR", 11, true) => {
            let siren = value(2..11);
            of((12 + 3 * (siren % 97)) % 97 == value(0..2) && luhn(&number[2..]))
        }
        ("FR", _, false) => form(number.len() == 11 && number.bytes().skip(2).all(|byte| byte.is_ascii_digit())),
        ("EL", 9, true) => of(weighed(&[256, 128, 64, 32, 16, 8, 4, 2]) % 11 % 10 == digits[8]),
        ("HU", 8, true) => of(weighed(&[9, 7, 3, 1, 9, 7, 3, 1]) % 10 == 0),
        ("IT", 11, true) => of(luhn(number)),
        ("LU", 8, true) => of(value(0..6) % 89 == value(6..8)),
        ("NL", 11, false) if number.as_bytes().get(9) == Some(&b'B') && number.len() == 12 => {
            let old = weighed(&[9, 8, 7, 6, 5, 4, 3, 2]) % 11 == digits[8];
            of(old || remainder_97(text.bytes()) == Some(1))
        }
        ("PL", 10, true) => of(weighed(&[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == digits[9]),
        ("PT", 9, true) => {
            let check = 11 - weighed(&[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
            of(if check >= 10 { digits[8] == 0 } else { check == digits[8] })
        }
        ("SE", 12, true) => of(luhn(&number[..10]) && number.ends_with("01")),
        ("SI", 8, true) => {
            let check = 11 - weighed(&[8, 7, 6, 5, 4, 3, 2]) % 11;
            of(check != 11 && check % 10 == digits[7] && digits[0] != 0)
        }
        ("GB" | "XI", 9, true) => {
            let sum = u64::from(weighed(&[8, 7, 6, 5, 4, 3, 2])) + value(7..9);
            of(sum % 97 == 0 || (sum + 55) % 97 == 0)
        }
        ("NO", 9, _) => of(weighed(&[3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 == 0),
        ("CH", 9, _) if number.starts_with('E') => of(weighed(&[5, 4, 3, 2, 7, 6, 5, 4, 1]) % 11 == 0),
        ("ES", _, false) => form(number.len() == 9 && (7..=8).contains(&count)),
        ("IE", _, false) => form((8..=9).contains(&number.len()) && count >= 7),
        ("CY", 8, false) => form(number.len() == 9),
        ("BG", 9..=10, true)
        | ("CZ", 8..=10, true)
        | ("EE" | "SK" | "HR" | "LV" | "MT" | "RO" | "LT", 2..=12, true) => form(match country {
            "EE" => count == 9,
            "SK" => count == 10,
            "HR" | "LV" => count == 11,
            "MT" => count == 8,
            "LT" => count == 9 || count == 12,
            _ => true,
        }),
        _ => Vat::Wrong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_their_makers_examples_are_right_and_changed_ones_are_not() {
        let ibans =
            ["DE89370400440532013000", "GB82WEST12345698765432", "FR1420041010050500013M02606", "NO9386011117947"];
        for text in ibans {
            assert!(iban(text), "{text}");
        }
        assert!(!iban("DE89370400440532013001") && !iban("DE8937040044053201300") && !iban("XX89370400440532013000"));
        for text in ["4111111111111111", "5555555555554444", "378282246310005", "6011111111111117", "3530111333300000"]
        {
            assert!(card(text), "{text}");
        }
        assert!(!card("4111111111111112") && !card("1234567812345670") && !card("0000000000000000"));
        assert!(isbn("9780306406157") && isbn("0306406152") && isbn("080442957X") && !isbn("9780306406158"));
        assert!(issn("03785955") && issn("2434561X") && !issn("03785954"));
        assert!(orcid("0000000218250097") && orcid("000000021694233X") && !orcid("0000000218250098"));
        assert!(isin("US0378331005") && isin("DE000BAY0017") && !isin("US0378331006") && !isin("INTERNATIONA"));
        assert!(lei("529900T8BM49AURSDO55") && !lei("529900T8BM49AURSDO56"));
    }

    #[test]
    fn vat_numbers_are_right_by_the_rule_of_their_country() {
        // Published by their companies, or the examples of the rules.
        for text in [
            "DE136695976",
            "ATU13585627",
            "BE0428759497",
            "DK13585628",
            "FI20774740",
            "FR40303265045",
            "EL094259216",
            "HU12892312",
            "IT00743110157",
            "LU15027442",
            "NL010000446B01",
            "PL8567346215",
            "PT501964843",
            "SE556188840401",
            "SI50223054",
            "GB980780684",
            "CHE123456788",
        ] {
            assert_eq!(vat(text), Vat::Right, "{text}");
        }
        for text in
            ["DE136695977", "ATU13585628", "IT00743110158", "GB802311781", "PL8567346216", "ZZ123456789", "D", "DE"]
        {
            assert_eq!(vat(text), Vat::Wrong, "{text}");
        }
        assert_eq!(vat("IE6433435F"), Vat::Form);
    }
}
