//! Times as they stand in records and events: RFC 3339 in UTC with milliseconds, so that text order is time order.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Writes a time.
pub fn text(at: OffsetDateTime) -> String {
    let at = at.to_offset(time::UtcOffset::UTC);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.millisecond()
    )
}

/// Writes a time that AWS gave as milliseconds since 1970.
pub fn text_of_milliseconds(at: i64) -> Option<String> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1_000_000).ok().map(text)
}

/// Reads any RFC 3339 time.
pub fn parse(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}

/// The same time in the form of [`text`]; what cannot be read stays as it is.
pub fn normal(time: &str) -> String {
    parse(time).map_or_else(|| time.to_owned(), text)
}

/// Milliseconds from one time to another, if both can be read.
pub fn between(from: Option<&str>, to: Option<&str>) -> Option<i64> {
    let span = parse(to?)? - parse(from?)?;
    i64::try_from(span.whole_milliseconds()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_order_is_time_order_whatever_was_written_before() {
        assert_eq!(normal("2026-11-22T18:00:00Z"), "2026-11-22T18:00:00.000Z");
        assert_eq!(normal("2026-11-22T20:00:00.1234+02:00"), "2026-11-22T18:00:00.123Z");
        assert_eq!(text_of_milliseconds(1_641_944_200_058).as_deref(), Some("2022-01-11T23:36:40.058Z"));
        assert_eq!(between(Some("2026-11-22T18:00:00Z"), Some("2026-11-22T18:00:01.5Z")), Some(1500));
    }
}
