//! XMP, which is RDF in XML, as JSON: properties by their usual prefix and name (`dc:title`), bags and sequences as lists,
//! structures as objects, texts in several languages by language.

use roxmltree::{Document, Node, ParsingOptions};
use serde_json::{Map, Value};

use super::Fields;

const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// More elements than any program writes.
const MOST_NODES: u32 = 50_000;
/// Structures within structures.
const MOST_DEPTH: usize = 32;

/// The properties of a packet of XMP.
pub fn xmp_properties(packet: &[u8]) -> Fields {
    let text = String::from_utf8_lossy(packet);
    // Packets are filled up with blanks, and some programs end them with zeros.
    let text = text.trim_matches(['\0', '\u{feff}', ' ', '\n', '\r', '\t']);
    let options = ParsingOptions { nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    let document = match Document::parse_with_options(text, options) {
        Ok(document) => document,
        Err(error) => return Fields { values: Map::new(), unread: vec![format!("XMP: {error}")] },
    };
    let mut values = Map::new();
    for description in document.descendants().filter(|node| is_rdf(*node, "Description")) {
        if description.parent().is_some_and(|parent| is_rdf(parent, "RDF")) {
            values.extend(properties(description, 0));
        }
    }
    Fields { values, unread: Vec::new() }
}

fn is_rdf(node: Node<'_, '_>, name: &str) -> bool {
    node.tag_name().namespace() == Some(RDF) && node.tag_name().name() == name
}

/// The properties of a description or a structure: its attributes and its elements.
fn properties(node: Node<'_, '_>, depth: usize) -> Map<String, Value> {
    let of_attributes = node
        .attributes()
        .filter(|attribute| !matches!(attribute.namespace(), None | Some(RDF | XML)))
        .map(|attribute| (name(node, attribute.namespace(), attribute.name()), Value::from(attribute.value())));
    let of_elements = node.children().filter(Node::is_element).map(|element| {
        let name = name(element, element.tag_name().namespace(), element.tag_name().name());
        (name, value(element, depth + 1))
    });
    of_attributes.chain(of_elements).collect()
}

fn value(node: Node<'_, '_>, depth: usize) -> Value {
    if depth > MOST_DEPTH {
        return Value::Null;
    }
    let elements = || node.children().filter(Node::is_element);
    match elements().next() {
        Some(list) if is_rdf(list, "Bag") || is_rdf(list, "Seq") => {
            list.children().filter(Node::is_element).map(|item| value(item, depth + 1)).collect()
        }
        Some(list) if is_rdf(list, "Alt") => alternatives(list, depth + 1),
        Some(structure) if is_rdf(structure, "Description") => properties(structure, depth + 1).into(),
        Some(_) => properties(node, depth).into(),
        None if node.has_attribute((RDF, "resource")) => node.attribute((RDF, "resource")).into(),
        None => {
            let structure = properties(node, depth);
            if structure.is_empty() { node.text().unwrap_or_default().trim().into() } else { structure.into() }
        }
    }
}

/// A text in several languages by language; the text itself if there is only the default.
fn alternatives(list: Node<'_, '_>, depth: usize) -> Value {
    let items = || list.children().filter(Node::is_element);
    let language = |item: Node<'_, '_>| item.attribute((XML, "lang")).map(str::to_owned);
    if items().any(|item| language(item).is_none()) {
        return items().map(|item| value(item, depth)).collect();
    }
    let texts: Map<String, Value> =
        items().filter_map(|item| Some((language(item)?, item.text().unwrap_or_default().into()))).collect();
    match (texts.len(), texts.get("x-default")) {
        (1, Some(text)) => text.clone(),
        _ => texts.into(),
    }
}

/// A name with the prefix that the packet has for its namespace.
fn name(node: Node<'_, '_>, namespace: Option<&str>, name: &str) -> String {
    match namespace.and_then(|namespace| node.lookup_prefix(namespace)) {
        Some(prefix) => format!("{prefix}:{name}"),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PACKET: &str = r#"<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
      <x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
        <rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"
            xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:m="http://example.com/m/">
          <dc:title><rdf:Alt><rdf:li xml:lang="x-default">A &amp; B</rdf:li></rdf:Alt></dc:title>
          <dc:rights><rdf:Alt><rdf:li xml:lang="x-default">all</rdf:li><rdf:li xml:lang="de">alle</rdf:li></rdf:Alt></dc:rights>
          <dc:subject><rdf:Bag><rdf:li>one</rdf:li><rdf:li>two</rdf:li></rdf:Bag></dc:subject>
          <m:place rdf:parseType="Resource"><m:name>Basel</m:name></m:place>
          <m:also m:name="Bern"/>
          <m:link rdf:resource="http://example.com/"/>
        </rdf:Description>
      </rdf:RDF></x:xmpmeta>   <?xpacket end="w"?>"#;

    #[test]
    fn properties_lists_structures_and_languages_are_read() {
        let Fields { values, unread } = xmp_properties(PACKET.as_bytes());
        assert_eq!(unread, Vec::<String>::new());
        let expected = json!({
            "xmp:Rating": "4", "dc:title": "A & B", "dc:rights": {"x-default": "all", "de": "alle"},
            "dc:subject": ["one", "two"], "m:place": {"m:name": "Basel"}, "m:also": {"m:name": "Bern"},
            "m:link": "http://example.com/",
        });
        assert_eq!(Value::Object(values), expected);
    }

    #[test]
    fn what_is_not_xml_and_what_is_nested_without_end_are_no_harm() {
        assert!(xmp_properties(b"<x:xmpmeta").unread[0].starts_with("XMP: "));
        let deep = format!(
            "<r:RDF xmlns:r='{RDF}' xmlns:a='a'><r:Description>{}{}</r:Description></r:RDF>",
            "<a:b>".repeat(1000),
            "</a:b>".repeat(1000)
        );
        let _ = xmp_properties(deep.as_bytes());
    }
}
