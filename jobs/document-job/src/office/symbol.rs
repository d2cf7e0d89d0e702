//! What the signs of symbol fonts are in Unicode, as far as documents use them: bullets, boxes, arrows, Greek.

/// The character that a code of a symbol font shows. Codes stand in the private use area from U+F000 on, or bare.
pub(crate) fn of_font(font: &str, code: u32) -> Option<char> {
    let code = if (0xF000..=0xF0FF).contains(&code) { code - 0xF000 } else { code };
    let code = u8::try_from(code).ok()?;
    match font.to_ascii_lowercase().as_str() {
        "symbol" | "symbolmt" | "standard symbols l" => of_symbol(code),
        "wingdings" => of_wingdings(code),
        "wingdings 2" => of_wingdings_2(code),
        "wingdings 3" => of_wingdings_3(code),
        "webdings" => of_webdings(code),
        _ => None,
    }
}

/// Whether codes of the font are no letters.
pub(crate) fn is_symbol_font(font: &str) -> bool {
    matches!(
        font.to_ascii_lowercase().as_str(),
        "symbol" | "symbolmt" | "standard symbols l" | "wingdings" | "wingdings 2" | "wingdings 3" | "webdings"
    )
}

fn of_symbol(code: u8) -> Option<char> {
    const GREEK_UPPER: &str = "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ";
    const GREEK_LOWER: &str = "αβχδεφγηιϕκλμνοπθρστυϖωξψζ";
    Some(match code {
        b'A'..=b'Z' => GREEK_UPPER.chars().nth(usize::from(code - b'A'))?,
        b'a'..=b'z' => GREEK_LOWER.chars().nth(usize::from(code - b'a'))?,
        0x22 => '∀',
        0x24 => '∃',
        0x27 => '∋',
        0x2A => '∗',
        0x2D => '−',
        0x40 => '≅',
        0x5C => '∴',
        0x5E => '⊥',
        0x7E => '∼',
        0x20..=0x7D => char::from(code),
        0xA1 => 'ϒ',
        0xA2 => '′',
        0xA3 => '≤',
        0xA4 => '⁄',
        0xA5 => '∞',
        0xA6 => 'ƒ',
        0xA7 => '♣',
        0xA8 => '♦',
        0xA9 => '♥',
        0xAA => '♠',
        0xAB => '↔',
        0xAC => '←',
        0xAD => '↑',
        0xAE => '→',
        0xAF => '↓',
        0xB0 => '°',
        0xB1 => '±',
        0xB2 => '″',
        0xB3 => '≥',
        0xB4 => '×',
        0xB5 => '∝',
        0xB6 => '∂',
        0xB7 => '•',
        0xB8 => '÷',
        0xB9 => '≠',
        0xBA => '≡',
        0xBB => '≈',
        0xBC => '…',
        0xC4 => '⊗',
        0xC5 => '⊕',
        0xC6 => '∅',
        0xC7 => '∩',
        0xC8 => '∪',
        0xC9 => '⊃',
        0xCA => '⊇',
        0xCB => '⊄',
        0xCC => '⊂',
        0xCD => '⊆',
        0xCE => '∈',
        0xCF => '∉',
        0xD0 => '∠',
        0xD1 => '∇',
        0xD2 | 0xE2 => '®',
        0xD3 | 0xE3 => '©',
        0xD4 | 0xE4 => '™',
        0xD5 => '∏',
        0xD6 => '√',
        0xD7 => '⋅',
        0xD8 => '¬',
        0xD9 => '∧',
        0xDA => '∨',
        0xDB => '⇔',
        0xDC => '⇐',
        0xDD => '⇑',
        0xDE => '⇒',
        0xDF => '⇓',
        0xE0 => '◊',
        0xE5 => '∑',
        0xF2 => '∫',
        _ => return None,
    })
}

fn of_wingdings(code: u8) -> Option<char> {
    Some(match code {
        0x21 => '✏',
        0x22 => '✂',
        0x28 => '☎',
        0x2A => '✉',
        0x46 => '☞',
        0x4A => '☺',
        0x4C => '☹',
        0x6C => '●',
        0x6D => '❍',
        0x6E => '■',
        0x6F | 0x71 | 0x72 | 0xA8 => '☐',
        0x70 => '❐',
        0x73 => '⬧',
        0x74 => '⧫',
        0x75 => '◆',
        0x76 => '❖',
        0x77 => '⬥',
        0x80..=0x8A => char::from_u32(u32::from('⓪') + u32::from(code - 0x80))
            .filter(|_| code == 0x80)
            .or_else(|| char::from_u32(u32::from('①') + u32::from(code - 0x81)))?,
        0x8C..=0x95 => char::from_u32(u32::from('❶') + u32::from(code - 0x8C))?,
        0x9E => '·',
        0x9F => '•',
        0xA0 | 0xA7 => '▪',
        0xA1 | 0xA6 => '○',
        0xA4 => '◉',
        0xA5 => '◎',
        0xAB => '★',
        0xD5 => '⌫',
        0xD6 => '⌦',
        0xD8 => '➢',
        0xDF => '←',
        0xE0 => '→',
        0xE1 => '↑',
        0xE2 => '↓',
        0xE8 => '➔',
        0xEF => '⇦',
        0xF0 => '⇨',
        0xF1 => '⇧',
        0xF2 => '⇩',
        0xFB => '✗',
        0xFC => '✓',
        0xFD => '☒',
        0xFE => '☑',
        _ => return None,
    })
}

fn of_wingdings_2(code: u8) -> Option<char> {
    Some(match code {
        0x4F | 0xCF => '✗',
        0x50 => '✓',
        0x51 | 0x53 | 0x54 => '☒',
        0x52 => '☑',
        0x2A | 0xA3 => '☐',
        0x97 | 0x98 => '●',
        0xA1 => '■',
        _ => return None,
    })
}

fn of_wingdings_3(code: u8) -> Option<char> {
    Some(match code {
        0x21 | 0x66 => '←',
        0x22 | 0x67 => '→',
        0x23 | 0x68 => '↑',
        0x24 | 0x69 => '↓',
        0x70 | 0x71 | 0x7D => '▶',
        _ => return None,
    })
}

fn of_webdings(code: u8) -> Option<char> {
    Some(match code {
        0x34 => '▶',
        0x33 => '◀',
        0x61 => '✓',
        0x63 => '☐',
        0x67 => '■',
        0x6E => '●',
        0x72 => '✗',
        _ => return None,
    })
}
