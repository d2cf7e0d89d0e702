//! A message (RFC 5322 and MIME): who wrote what to whom, its text, the names of what is attached.

use contract::Failure;
use mail_parser::{Address, MessageParser, MimeHeaders as _};

use super::markup;
use crate::document::Metadata;
use crate::flow::Flow;
use crate::rich::{Rich, Style};

/// What a message holds.
pub(crate) struct Message {
    pub(crate) flows: Vec<Flow>,
    pub(crate) metadata: Metadata,
    pub(crate) attachments: Vec<String>,
}

pub(crate) fn read(bytes: &[u8]) -> Result<Message, Failure> {
    let message = MessageParser::default()
        .parse(bytes)
        .ok_or_else(|| Failure::invalid_input("the file is not a message: no header was found in it"))?;
    let mut flows = Vec::new();
    let from = message.from().map(people);
    let subject = message.subject().map(str::to_owned);
    if let Some(subject) = &subject {
        flows.push(Flow::Heading { level: 1, text: Rich::from(subject.as_str()) });
    }
    let date = message.date().map(mail_parser::DateTime::to_rfc3339);
    let mut head = Rich::default();
    for (name, value) in [
        ("From", from.clone()),
        ("To", message.to().map(people)),
        ("Cc", message.cc().map(people)),
        ("Date", date.clone()),
    ] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            if !head.is_blank() {
                head.push_plain('\n');
            }
            head.push(&format!("{name}:"), &Style { strong: true, ..Style::default() });
            head.push(&format!(" {value}"), &Style::default());
        }
    }
    if !head.is_blank() {
        flows.push(Flow::Paragraph { text: head });
    }
    // HTML where the message has it, because its text is often a shadow of that.
    let has_html = message.html_bodies().any(mail_parser::MessagePart::is_text_html);
    if has_html {
        for at in 0..message.html_body_count() {
            if let Some(html) = message.body_html(at) {
                flows.extend(markup::read(&html).flows);
            }
        }
    } else {
        for at in 0..message.text_body_count() {
            if let Some(text) = message.body_text(at) {
                flows.extend(super::paragraphs(&super::encoding::lines(text.into_owned())));
            }
        }
    }
    let attachments: Vec<String> =
        message.attachments().map(|part| part.attachment_name().unwrap_or("unnamed").to_owned()).collect();
    if !attachments.is_empty() {
        flows.push(Flow::paragraph(format!("Attachments: {}", attachments.join(", "))));
    }
    let metadata = Metadata { title: subject, author: from, created: date, ..Metadata::default() };
    Ok(Message { flows, metadata, attachments })
}

fn people(address: &Address) -> String {
    let people = address.iter().map(|person| match (person.name(), person.address()) {
        (Some(name), Some(address)) => format!("{name} <{address}>"),
        (Some(name), None) => name.to_owned(),
        (None, address) => address.unwrap_or_default().to_owned(),
    });
    people.collect::<Vec<_>>().join(", ")
}
