//! Numbers as a spreadsheet shows them (ECMA-376, part 1, 18.8.30 and 18.8.31): decimals, thousands, percent, currency,
//! fractions, dates and durations.

use std::fmt::Write as _;

/// Formats longer than this are taken as General.
const MAX_LENGTH: usize = 1000;
/// Decimals that are shown at most.
const MAX_DECIMALS: usize = 30;

/// A format, parsed.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct NumberFormat {
    /// Of positive and negative numbers, of zero, of text.
    sections: Vec<Section>,
}

#[derive(Debug, Clone, PartialEq, Default)]
struct Section {
    condition: Option<(Comparison, f64)>,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Literal(String),
    /// `0`, `#` or `?`.
    Digit(char),
    Point,
    Comma,
    Percent,
    /// Whether a plus is written.
    Exponent(bool),
    Slash,
    General,
    Text,
    Year(usize),
    Month(usize),
    Day(usize),
    Hour(usize),
    Minute(usize),
    Second(usize),
    /// Digits of a second.
    Fraction(usize),
    /// As in `[h]`: hours, minutes or seconds altogether.
    Elapsed(char, usize),
    /// Whether it is `AM/PM` or `A/P`.
    HalfDay(bool),
}

impl Part {
    fn is_date(&self) -> bool {
        matches!(
            self,
            Self::Year(_)
                | Self::Month(_)
                | Self::Day(_)
                | Self::Hour(_)
                | Self::Minute(_)
                | Self::Second(_)
                | Self::Elapsed(..)
                | Self::HalfDay(_)
        )
    }
}

impl NumberFormat {
    /// A format that is built in, by its number. Dates whose form depends on the reader's country are ISO 8601.
    pub(crate) fn built_in(id: u32) -> Self {
        let code = match id {
            1 => "0",
            2 => "0.00",
            3 => "#,##0",
            4 => "#,##0.00",
            5 => "\"$\"#,##0_);(\"$\"#,##0)",
            6 => "\"$\"#,##0_);[Red](\"$\"#,##0)",
            7 => "\"$\"#,##0.00_);(\"$\"#,##0.00)",
            8 => "\"$\"#,##0.00_);[Red](\"$\"#,##0.00)",
            9 => "0%",
            10 => "0.00%",
            11 => "0.00E+00",
            12 => "# ?/?",
            13 => "# ??/??",
            14 | 27..=31 | 34..=36 | 50..=54 | 57 | 58 => "yyyy-mm-dd",
            15 => "d-mmm-yy",
            16 => "d-mmm",
            17 => "mmm-yy",
            18 => "h:mm AM/PM",
            19 => "h:mm:ss AM/PM",
            20 | 32 | 55 => "h:mm",
            21 | 33 | 56 => "h:mm:ss",
            22 => "yyyy-mm-dd hh:mm",
            37 => "#,##0_);(#,##0)",
            38 => "#,##0_);[Red](#,##0)",
            39 => "#,##0.00_);(#,##0.00)",
            40 => "#,##0.00_);[Red](#,##0.00)",
            41 => "_(* #,##0_);_(* (#,##0);_(* \"-\"_);_(@_)",
            42 => "_(\"$\"* #,##0_);_(\"$\"* (#,##0);_(\"$\"* \"-\"_);_(@_)",
            43 => "_(* #,##0.00_);_(* (#,##0.00);_(* \"-\"??_);_(@_)",
            44 => "_(\"$\"* #,##0.00_);_(\"$\"* (#,##0.00);_(\"$\"* \"-\"??_);_(@_)",
            45 => "mm:ss",
            46 => "[h]:mm:ss",
            47 => "mm:ss.0",
            48 => "##0.0E+0",
            49 => "@",
            _ => "General",
        };
        Self::parse(code)
    }

    pub(crate) fn parse(code: &str) -> Self {
        if code.trim().is_empty() || code.len() > MAX_LENGTH {
            return Self::default();
        }
        Self { sections: sections(code).iter().take(4).map(|section| Section::parse(section)).collect() }
    }

    fn is_general(&self) -> bool {
        self.sections.is_empty()
    }

    /// A number as it is shown; dates count from 1900 or from 1904.
    pub(crate) fn show(&self, value: f64, is_1904: bool) -> String {
        if self.is_general() || !value.is_finite() {
            return general(value);
        }
        let (section, shows_sign) = self.section(value);
        let Some(section) = section else { return general(value) };
        if section.parts.iter().any(Part::is_date) {
            return section.date(value, is_1904).unwrap_or_else(|| general(value));
        }
        if section.parts.is_empty() {
            // An empty section hides the value, as ;;; does.
            return String::new();
        }
        if section.parts.contains(&Part::Text) && !section.parts.iter().any(|part| matches!(part, Part::Digit(_))) {
            return section.text(&general(value));
        }
        section.number(value, shows_sign)
    }

    /// Text as it is shown.
    pub(crate) fn show_text(&self, text: &str) -> String {
        let section =
            self.sections.get(3).or_else(|| self.sections.iter().find(|section| section.parts.contains(&Part::Text)));
        section
            .filter(|section| section.parts.contains(&Part::Text))
            .map_or_else(|| text.to_owned(), |section| section.text(text))
    }

    /// The section for a value, and whether it has to write the sign of a negative one.
    fn section(&self, value: f64) -> (Option<&Section>, bool) {
        let numeric = &self.sections[..self.sections.len().min(3)];
        if numeric.iter().any(|section| section.condition.is_some()) {
            let found = numeric.iter().enumerate().find(|(at, section)| match section.condition {
                Some((comparison, bound)) => comparison.holds(value, bound),
                None => *at + 1 == numeric.len() || (*at == 1 && value < 0.0) || *at == 2,
            });
            // A section that only negative numbers reach writes their sign itself.
            return (
                found.map(|(_, section)| section),
                found.is_none_or(|(at, _)| at == 0 || numeric[at].condition.is_none()),
            );
        }
        match (numeric, value) {
            ([only], _) => (Some(only), true),
            ([_, negative, ..], value) if value < 0.0 => (Some(negative), false),
            ([_, _, zero], 0.0) => (Some(zero), false),
            ([positive, ..], _) => (Some(positive), false),
            ([], _) => (None, true),
        }
    }
}

impl Comparison {
    fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Less => value < bound,
            Self::LessOrEqual => value <= bound,
            Self::Greater => value > bound,
            Self::GreaterOrEqual => value >= bound,
            Self::Equal => value.total_cmp(&bound).is_eq(),
            Self::NotEqual => value.total_cmp(&bound).is_ne(),
        }
    }
}

/// The sections of a format, which semicolons part.
fn sections(code: &str) -> Vec<String> {
    let mut sections = vec![String::new()];
    let mut chars = code.chars();
    let mut end = None;
    while let Some(char) = chars.next() {
        let section = sections.last_mut().expect("there is one from the beginning");
        match (char, end) {
            (char, Some(closing)) => {
                section.push(char);
                if char == closing {
                    end = None;
                }
            }
            (';', None) => sections.push(String::new()),
            ('\\' | '_' | '*', None) => {
                section.push(char);
                section.extend(chars.next());
            }
            (char, None) => {
                section.push(char);
                end = match char {
                    '"' => Some('"'),
                    '[' => Some(']'),
                    _ => None,
                };
            }
        }
    }
    sections
}

impl Section {
    fn parse(code: &str) -> Self {
        let mut section = Self::default();
        let chars: Vec<char> = code.chars().collect();
        let mut at = 0;
        let count =
            |at: usize, is_same: &dyn Fn(char) -> bool| chars[at..].iter().take_while(|char| is_same(**char)).count();
        while at < chars.len() {
            let char = chars[at];
            let lower = char.to_ascii_lowercase();
            let run = count(at, &|other| other.to_ascii_lowercase() == lower);
            let rest: String = chars[at..].iter().take(8).collect::<String>().to_ascii_lowercase();
            let mut length = 1;
            match lower {
                '"' => {
                    let text: String = chars[at + 1..].iter().take_while(|char| **char != '"').collect();
                    length = text.chars().count() + 2;
                    section.literal(&text);
                }
                '\\' => {
                    length = 2;
                    if let Some(char) = chars.get(at + 1) {
                        section.literal(char.encode_utf8(&mut [0; 4]));
                    }
                }
                // A space as wide as a character, and a character that fills the cell.
                '_' => {
                    length = 2;
                    section.literal(" ");
                }
                '*' => length = 2,
                '[' => {
                    let inner: String = chars[at + 1..].iter().take_while(|char| **char != ']').collect();
                    length = inner.chars().count() + 2;
                    section.bracket(&inner);
                }
                '0' | '#' | '?' => section.parts.push(Part::Digit(char)),
                '.' => {
                    let digits = count(at + 1, &|char| char == '0');
                    let is_of_second = matches!(section.parts.last(), Some(Part::Second(_) | Part::Elapsed('s', _)));
                    if is_of_second && digits > 0 {
                        length = digits + 1;
                        section.parts.push(Part::Fraction(digits));
                    } else {
                        section.parts.push(Part::Point);
                    }
                }
                ',' => section.parts.push(Part::Comma),
                '%' => section.parts.push(Part::Percent),
                '@' => section.parts.push(Part::Text),
                '/' if section.parts.iter().any(|part| matches!(part, Part::Digit(_))) => {
                    section.parts.push(Part::Slash);
                }
                'e' if matches!(chars.get(at + 1), Some('+' | '-')) => {
                    section.parts.push(Part::Exponent(chars[at + 1] == '+'));
                    length = 2;
                }
                'g' if rest.starts_with("general") => {
                    length = 7;
                    section.parts.push(Part::General);
                }
                'a' if rest.starts_with("am/pm") => {
                    length = 5;
                    section.parts.push(Part::HalfDay(true));
                }
                'a' if rest.starts_with("a/p") => {
                    length = 3;
                    section.parts.push(Part::HalfDay(false));
                }
                'y' | 'e' => {
                    length = run;
                    section.parts.push(Part::Year(if lower == 'e' { 4 } else { run }));
                }
                'm' => {
                    length = run;
                    section.parts.push(Part::Month(run));
                }
                'd' => {
                    length = run;
                    section.parts.push(Part::Day(run));
                }
                'h' => {
                    length = run;
                    section.parts.push(Part::Hour(run));
                }
                's' => {
                    length = run;
                    section.parts.push(Part::Second(run));
                }
                // Eras and the Buddhist calendar.
                'g' | 'b' => length = run,
                _ => section.literal(char.encode_utf8(&mut [0; 4])),
            }
            at += length;
        }
        section.find_minutes();
        section
    }

    fn literal(&mut self, text: &str) {
        match self.parts.last_mut() {
            Some(Part::Literal(last)) => last.push_str(text),
            _ => self.parts.push(Part::Literal(text.to_owned())),
        }
    }

    /// A colour, a condition, a currency or a duration.
    fn bracket(&mut self, inner: &str) {
        let lower = inner.to_ascii_lowercase();
        if let Some(currency) = inner.strip_prefix('$') {
            self.literal(currency.split('-').next().unwrap_or_default());
        } else if let Some(first) = lower.chars().next().filter(|first| matches!(first, 'h' | 'm' | 's'))
            && lower.chars().all(|char| char == first)
        {
            self.parts.push(Part::Elapsed(first, lower.len()));
        } else {
            let comparisons = [
                ("<=", Comparison::LessOrEqual),
                (">=", Comparison::GreaterOrEqual),
                ("<>", Comparison::NotEqual),
                ("<", Comparison::Less),
                (">", Comparison::Greater),
                ("=", Comparison::Equal),
            ];
            for (sign, comparison) in comparisons {
                if let Some(bound) = lower.strip_prefix(sign).and_then(|bound| bound.trim().parse().ok()) {
                    self.condition = Some((comparison, bound));
                    return;
                }
            }
        }
    }

    /// `m` means minutes behind hours and before seconds.
    fn find_minutes(&mut self) {
        let dates: Vec<usize> = (0..self.parts.len()).filter(|at| self.parts[*at].is_date()).collect();
        for (place, &at) in dates.iter().enumerate() {
            let Part::Month(length) = self.parts[at] else { continue };
            let before = place.checked_sub(1).map(|place| &self.parts[dates[place]]);
            let after = dates.get(place + 1).map(|at| &self.parts[*at]);
            let is_minute = matches!(before, Some(Part::Hour(_) | Part::Elapsed('h', _)))
                || matches!(after, Some(Part::Second(_) | Part::Elapsed('s', _)));
            if is_minute && length <= 2 {
                self.parts[at] = Part::Minute(length);
            }
        }
    }

    fn text(&self, text: &str) -> String {
        let mut shown = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => shown.push_str(literal),
                Part::Text => shown.push_str(text),
                _ => {}
            }
        }
        squeezed(&shown)
    }

    // --- numbers ---

    fn number(&self, value: f64, shows_sign: bool) -> String {
        let percents = self.parts.iter().filter(|part| **part == Part::Percent).count().min(4) as i32;
        let mut amount = value.abs() * 100_f64.powi(percents);
        if !self.parts.iter().any(|part| matches!(part, Part::Digit(_))) {
            let mut shown = if shows_sign && value < 0.0 { "-".to_owned() } else { String::new() };
            for part in &self.parts {
                match part {
                    Part::Literal(text) => shown.push_str(text),
                    Part::General => shown.push_str(&general(amount)),
                    Part::Percent => shown.push('%'),
                    Part::Slash => shown.push('/'),
                    _ => {}
                }
            }
            return squeezed(&shown);
        }
        if self.parts.contains(&Part::Slash) {
            return self.fraction(value);
        }
        let point = self.parts.iter().position(|part| *part == Part::Point);
        let exponent = self.parts.iter().position(|part| matches!(part, Part::Exponent(_)));
        let last_whole = point.or(exponent).unwrap_or(self.parts.len());
        let is_digit = |at: &usize| matches!(self.parts[*at], Part::Digit(_));
        let whole: Vec<usize> = (0..last_whole).filter(is_digit).collect();
        let decimals: Vec<usize> = point
            .map_or_else(Vec::new, |point| (point..exponent.unwrap_or(self.parts.len())).filter(is_digit).collect());
        // A comma between digits parts thousands; commas behind the last digit divide by a thousand each.
        let last_digit = decimals.last().or(whole.last()).copied().unwrap_or(0);
        let first_digit = whole.first().copied().unwrap_or(0);
        let mut has_thousands = false;
        for (at, part) in self.parts.iter().enumerate() {
            if *part == Part::Comma {
                if at > last_digit || (point.is_some_and(|point| at + 1 == point) && !whole.is_empty()) {
                    amount /= 1000.0;
                } else if at > first_digit && at < last_whole {
                    has_thousands = true;
                }
            }
        }
        let mut power = 0;
        if exponent.is_some() && amount > 0.0 {
            let width = whole.len().max(1) as i32;
            power = amount.log10().floor() as i32;
            if width > 1 {
                power = power.div_euclid(width) * width;
            }
            amount /= 10_f64.powi(power);
            // Rounding may bring it to the next power.
            if amount + 0.5 * 10_f64.powi(-(decimals.len() as i32)) >= 10_f64.powi(width) {
                amount /= 10_f64.powi(width);
                power += width;
            }
        }
        let (digits, fraction) = rounded(amount, decimals.len().min(MAX_DECIMALS));
        let is_zero = digits.bytes().chain(fraction.bytes()).all(|digit| digit == b'0');
        let digits =
            if digits == "0" && !whole.iter().any(|at| self.parts[*at] == Part::Digit('0')) { "" } else { &digits };
        let mut shown = String::new();
        if shows_sign && value < 0.0 && !is_zero {
            shown.push('-');
        }
        let mut fraction_shown: Vec<char> = fraction.chars().collect();
        for (place, at) in decimals.iter().enumerate().rev() {
            // Zeros at the end that nobody asked for.
            if self.parts[*at] == Part::Digit('0') || fraction_shown.get(place) != Some(&'0') {
                break;
            }
            fraction_shown.truncate(place);
        }
        let mut written = 0;
        let digits: Vec<char> = digits.chars().collect();
        for (at, part) in self.parts.iter().enumerate() {
            match part {
                Part::Literal(text) => shown.push_str(text),
                Part::Digit(_) if exponent.is_some_and(|exponent| at > exponent) => {}
                Part::Digit(kind) if at < last_whole => {
                    let place = whole.iter().position(|whole| *whole == at).unwrap_or(0);
                    // Places from this one to the point.
                    let left = whole.len() - place;
                    let upto = digits.len().saturating_sub(left - 1);
                    if upto == written && digits.len() < left {
                        match kind {
                            '0' => {
                                shown.push('0');
                                part_thousands(&mut shown, left, has_thousands);
                            }
                            '?' => shown.push(' '),
                            _ => {}
                        }
                    }
                    while written < upto {
                        shown.push(digits[written]);
                        written += 1;
                        part_thousands(&mut shown, digits.len() - written + 1, has_thousands);
                    }
                }
                Part::Digit(kind) => {
                    let place = decimals.iter().position(|decimal| *decimal == at).unwrap_or(0);
                    match fraction_shown.get(place) {
                        Some(digit) => shown.push(*digit),
                        None if *kind == '?' => shown.push(' '),
                        None => {}
                    }
                }
                Part::Point => {
                    // Digits that no place before the point takes.
                    if whole.is_empty() {
                        shown.extend(digits.iter());
                    }
                    if !fraction_shown.is_empty() || decimals.is_empty() {
                        shown.push('.');
                    }
                }
                Part::Percent => shown.push('%'),
                Part::Exponent(has_plus) => {
                    let width = self.parts[at..].iter().filter(|part| matches!(part, Part::Digit(_))).count();
                    let sign = if power < 0 {
                        "-"
                    } else if *has_plus {
                        "+"
                    } else {
                        ""
                    };
                    let _ = write!(shown, "E{sign}{:0width$}", power.abs());
                }
                Part::General => shown.push_str(&general(amount)),
                _ => {}
            }
        }
        squeezed(&shown)
    }

    /// A whole number and a fraction with a denominator of so many digits, or of a given one.
    fn fraction(&self, value: f64) -> String {
        let slash = self.parts.iter().position(|part| *part == Part::Slash).unwrap_or(0);
        let is_digit = |part: &&Part| matches!(part, Part::Digit(_));
        let fixed: String = self.parts[slash + 1..]
            .iter()
            .filter_map(|part| match part {
                Part::Literal(text) => Some(text.trim().to_owned()),
                Part::Digit('0') => Some("0".to_owned()),
                _ => None,
            })
            .collect();
        let digits = self.parts[slash..].iter().filter(is_digit).count().clamp(1, 3) as u32;
        // Digits with something between them and the numerator's are the whole number.
        let before = &self.parts[..slash];
        let has_whole = before.iter().filter(is_digit).count() > 1
            && before.iter().any(|part| matches!(part, Part::Literal(text) if text.contains(' ')));
        let amount = value.abs();
        let mut whole = if has_whole { amount.floor() } else { 0.0 };
        let rest = amount - whole;
        let (mut numerator, denominator) = match fixed.parse::<u32>().ok().filter(|fixed| *fixed > 0) {
            Some(denominator) => ((rest * f64::from(denominator)).round(), denominator),
            None => nearest_fraction(rest, 10_u32.pow(digits) - 1),
        };
        if has_whole && numerator >= f64::from(denominator) {
            whole += 1.0;
            numerator = 0.0;
        }
        let sign = if value < 0.0 { "-" } else { "" };
        match (has_whole, numerator == 0.0) {
            (true, true) => format!("{sign}{whole:.0}"),
            (true, false) if whole > 0.0 => format!("{sign}{whole:.0} {numerator:.0}/{denominator}"),
            _ => format!("{sign}{numerator:.0}/{denominator}"),
        }
    }

    // --- dates ---

    fn date(&self, value: f64, is_1904: bool) -> Option<String> {
        const MONTHS: [&str; 12] = [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ];
        const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
        let has_elapsed = self.parts.iter().any(|part| matches!(part, Part::Elapsed(..)));
        if !(0.0..2_958_466.0).contains(&value.abs()) || (value < 0.0 && !has_elapsed) {
            return None;
        }
        let sign = if value < 0.0 { "-" } else { "" };
        let value = value.abs();
        let fraction_digits = self.parts.iter().find_map(|part| match part {
            Part::Fraction(digits) => Some((*digits).min(3)),
            _ => None,
        });
        // To the last place that is shown, so that 23:59:59.9999 is the next day.
        let scale = 10_u64.pow(fraction_digits.unwrap_or(0) as u32);
        let ticks = (value * 86_400.0 * scale as f64).round() as u64;
        let seconds = ticks / scale;
        let days = seconds / 86_400 + if is_1904 { 1462 } else { 0 };
        let (year, month, day) = calendar(days);
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        let has_half = self.parts.iter().any(|part| matches!(part, Part::HalfDay(_)));
        let padded = |value: u64, length: usize| if length >= 2 { format!("{value:02}") } else { value.to_string() };
        let mut shown = sign.to_owned();
        for part in &self.parts {
            match part {
                Part::Literal(text) => shown.push_str(text),
                Part::Year(length) => {
                    let (year, width) = if *length <= 2 { (year % 100, 2) } else { (year, 4) };
                    let _ = write!(shown, "{year:0width$}");
                }
                Part::Month(length) => match length {
                    1 | 2 => shown.push_str(&padded(month, *length)),
                    3 => shown.push_str(&MONTHS[month as usize - 1][..3]),
                    5 => shown.push_str(&MONTHS[month as usize - 1][..1]),
                    _ => shown.push_str(MONTHS[month as usize - 1]),
                },
                // Day 1 was a Sunday for spreadsheets.
                Part::Day(length) => match length {
                    1 | 2 => shown.push_str(&padded(day, *length)),
                    3 => shown.push_str(&DAYS[((days + 6) % 7) as usize][..3]),
                    _ => shown.push_str(DAYS[((days + 6) % 7) as usize]),
                },
                Part::Hour(length) => {
                    let hour = if has_half { (hour + 11) % 12 + 1 } else { hour };
                    shown.push_str(&padded(hour, *length));
                }
                Part::Minute(length) => shown.push_str(&padded(minute, *length)),
                Part::Second(length) => shown.push_str(&padded(second, *length)),
                Part::Fraction(_) => {
                    let _ = write!(shown, ".{:0width$}", ticks % scale, width = fraction_digits.unwrap_or(1));
                }
                Part::Elapsed(unit, length) => {
                    let amount = match unit {
                        'h' => seconds / 3600,
                        'm' => seconds / 60,
                        _ => seconds,
                    };
                    shown.push_str(&padded(amount, *length));
                }
                Part::HalfDay(is_long) => {
                    let half = if hour < 12 { "AM" } else { "PM" };
                    shown.push_str(if *is_long { half } else { &half[..1] });
                }
                Part::Point => shown.push('.'),
                Part::Comma => shown.push(','),
                Part::Slash => shown.push('/'),
                Part::Digit(_) | Part::Percent | Part::Exponent(_) | Part::General | Part::Text => {}
            }
        }
        Some(squeezed(&shown))
    }
}

fn part_thousands(shown: &mut String, left: usize, has_thousands: bool) {
    if has_thousands && left > 1 && (left - 1).is_multiple_of(3) {
        shown.push(',');
    }
}

/// Spaces that only align are one or none.
fn squeezed(text: &str) -> String {
    let text = text.replace('\u{A0}', " ");
    let parts: Vec<&str> = text.split(' ').filter(|part| !part.is_empty()).collect();
    parts.join(" ").replace("( ", "(").replace(" )", ")")
}

/// Year, month and day of a day number, in which 1900 has a 29th of February that never was.
fn calendar(days: u64) -> (u64, u64, u64) {
    match days {
        0 => return (1900, 1, 0),
        60 => return (1900, 2, 29),
        _ => {}
    }
    // Days since 1899-12-31 of the true calendar; then H. Hinnant's civil_from_days.
    let days = if days > 60 { days - 1 } else { days };
    let shifted = days + 693_900;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

/// The fraction nearest to a number between 0 and 1 whose denominator is not larger than that.
fn nearest_fraction(value: f64, largest: u32) -> (f64, u32) {
    let mut best = (value.round(), 1);
    let mut least = (value - best.0).abs();
    for denominator in 2..=largest {
        let numerator = (value * f64::from(denominator)).round();
        let distance = (value - numerator / f64::from(denominator)).abs();
        if distance < least - 1e-12 {
            (best, least) = ((numerator, denominator), distance);
        }
    }
    best
}

/// Digits before and behind the point, rounded half up by the 15 digits that a spreadsheet keeps.
fn rounded(value: f64, decimals: usize) -> (String, String) {
    let scientific = format!("{value:.14e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let mut digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).map(|digit| digit - b'0').collect();
    // Digits before the point; zeros in front of small numbers.
    let mut whole = exponent + 1;
    if whole < 1 {
        let zeros = (1 - whole).min(400) as usize;
        digits.splice(0..0, std::iter::repeat_n(0, zeros));
        whole = 1;
    }
    let whole = whole as usize;
    let kept = whole + decimals;
    digits.resize(digits.len().max(kept + 1), 0);
    let rounds_up = digits[kept] >= 5;
    digits.truncate(kept);
    let mut whole = whole;
    if rounds_up {
        let mut at = kept;
        loop {
            if at == 0 {
                digits.insert(0, 1);
                whole += 1;
                break;
            }
            at -= 1;
            if digits[at] == 9 {
                digits[at] = 0;
            } else {
                digits[at] += 1;
                break;
            }
        }
    }
    let text = |digits: &[u8]| digits.iter().map(|digit| char::from(b'0' + digit)).collect::<String>();
    (text(&digits[..whole]), text(&digits[whole..]))
}

/// A number without a format: the digits that count, 15 at most, so that a sum of decimals shows no binary dust.
pub(crate) fn general(value: f64) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-9..1e15).contains(&magnitude) {
        let scientific = format!("{value:.14e}");
        let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        let mantissa =
            if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
        let exponent: i32 = exponent.parse().unwrap_or(0);
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}E{sign}{:02}", exponent.abs());
    }
    let digits = if magnitude >= 1.0 { 14 - magnitude.log10().floor() as usize } else { 15 };
    let digits = if magnitude > 0.0 && magnitude < 1.0 {
        digits.max((14.0 - magnitude.log10().floor()) as usize)
    } else {
        digits
    };
    let (whole, fraction) = rounded(magnitude, digits.min(MAX_DECIMALS));
    let fraction = fraction.trim_end_matches('0');
    let sign = if value < 0.0 { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_a_spreadsheet_shows_them() {
        for (code, value, expected) in [
            ("General", 0.1 + 0.2, "0.3"),
            ("General", 1_234_567.25, "1234567.25"),
            ("General", -42.0, "-42"),
            ("General", 1e20, "1E+20"),
            ("General", 0.000_123_4, "0.0001234"),
            ("0", 2.5, "3"),
            ("0.00", 2.675, "2.68"),
            ("0.00", 3.145, "3.15"),
            ("0.0", -0.04, "0.0"),
            ("#,##0", 1_234_567.0, "1,234,567"),
            ("#,##0.00", 0.5, "0.50"),
            ("#.##", 0.5, ".5"),
            ("0%", 0.4, "40%"),
            ("0.0%", 0.075, "7.5%"),
            ("\"$\"#,##0.00", 1234.5, "$1,234.50"),
            ("\"$\"#,##0.00", -5.0, "-$5.00"),
            ("#,##0.00\\ [$€-407]", 12.5, "12.50 €"),
            ("[$-409]#,##0.00;[Red](#,##0.00)", -1234.5, "(1,234.50)"),
            ("_(\"$\"* #,##0.00_);_(\"$\"* (#,##0.00);_(\"$\"* \"-\"??_);_(@_)", 1234.5, "$1,234.50"),
            ("_(\"$\"* #,##0.00_);_(\"$\"* (#,##0.00);_(\"$\"* \"-\"??_);_(@_)", -2.0, "$(2.00)"),
            ("_(\"$\"* #,##0.00_);_(\"$\"* (#,##0.00);_(\"$\"* \"-\"??_);_(@_)", 0.0, "$-"),
            ("00000", 2134.0, "02134"),
            ("\"EMP-\"0000", 42.0, "EMP-0042"),
            ("(000) 000-0000", 5_551_234_567.0, "(555) 123-4567"),
            ("000-00-0000", 78_051_120.0, "078-05-1120"),
            ("0,", 12345.0, "12"),
            ("0.0,,\"M\"", 12_345_678.0, "12.3M"),
            ("0.00E+00", 12345.0, "1.23E+04"),
            ("##0.0E+0", 12345.0, "12.3E+3"),
            ("0.00E+00", 0.00012, "1.20E-04"),
            ("# ?/?", 2.75, "2 3/4"),
            ("# ??/??", 0.3333, "1/3"),
            ("?/8", 0.5, "4/8"),
            ("[<1000]0;[>=1000]0.0,\"k\"", 2500.0, "2.5k"),
            ("0;-0;\"none\"", 0.0, "none"),
            (";;;", 5.0, ""),
            ("yyyy-mm-dd", 45_000.0, "2023-03-15"),
            ("d.m.yy", 1.0, "1.1.00"),
            ("dddd, d mmmm yyyy", 45_000.0, "Wednesday, 15 March 2023"),
            ("m/d/yyyy h:mm AM/PM", 45_000.75, "3/15/2023 6:00 PM"),
            ("[h]:mm", 1.0625, "25:30"),
            ("mm:ss.0", 0.000_694_444_444 * 1.5, "01:30.0"),
            ("h:mm:ss", 0.5, "12:00:00"),
            ("@", 12.5, "12.5"),
            ("General\" kg\"", 12.5, "12.5 kg"),
        ] {
            assert_eq!(NumberFormat::parse(code).show(value, false), expected, "{code} of {value}");
        }
        assert_eq!(NumberFormat::parse("yyyy-mm-dd").show(0.0 + 1.0, true), "1904-01-02");
        assert_eq!(NumberFormat::parse("0;0;0;\"<\"@\">\"").show_text("x"), "<x>");
    }

    #[test]
    fn no_format_panics() {
        for code in [
            "", "0", "#?/?#", "[", "[]", "\"", "\\", "_", "*", ";;;;;", "E+", "0E+", ".", ",", "h", "[h", "0.0.0.0",
            "%%%%%%%%", "AM/PM", "s.000",
        ] {
            for value in [0.0, -1.5, 1e300, 1e-300, f64::NAN, f64::INFINITY, 99.999, -0.0, 2_958_465.999_999] {
                let _ = NumberFormat::parse(code).show(value, false);
            }
        }
    }
}
