//! Amazon Textract: the words of a page (`DetectDocumentText`, billed by the page).
//!
//! Blocks are a tree by ids: PAGE, its LINEs, their WORDs. Corners are shares of the page, as the text is read.

use std::collections::BTreeMap;

use contract::{Failure, ManagedUnits};
use operation::ask::{self, Jpeg, PageLine, PageWord};
use serde::{Deserialize, Serialize};

use crate::api::Api;
use crate::asked::{Asked, checked, share};
use crate::rekognition::Geometry;

pub(crate) const TEXTRACT: Api =
    Api { name: "textract", variable: "TEXTRACT", target: "Textract", version: "2018-06-27", per_second: 2.0 };

/// Bytes of a picture in a request: AWS's pages name 5 and 10 MB, its service model 10,485,760. The smallest of them is kept.
const MOST_BYTES: usize = 5_000_000;

pub(crate) async fn page_text(asked: &Asked, question: ask::PageText) -> Result<ask::PageTextAnswer, Failure> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Document<'a> {
        bytes: &'a Jpeg,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Request<'a> {
        document: Document<'a>,
    }
    checked(&question.picture, MOST_BYTES)?;
    let request = Request { document: Document { bytes: &question.picture } };
    let answer: TextDetected = asked.call(&TEXTRACT, "DetectDocumentText", &request).await?;
    let pages = answer.document_metadata.pages.max(1);
    let units = ManagedUnits { textract_pages: pages, ..ManagedUnits::default() };
    asked.billed(&TEXTRACT, "DetectDocumentText", answer.detect_document_text_model_version.clone(), units);
    Ok(answer.into())
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct TextDetected {
    blocks: Vec<Block>,
    document_metadata: DocumentMetadata,
    detect_document_text_model_version: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct DocumentMetadata {
    pages: u64,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Block {
    #[serde(rename = "BlockType")]
    kind: String,
    id: String,
    text: String,
    confidence: f32,
    geometry: Geometry,
    relationships: Vec<Relationship>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Relationship {
    r#type: String,
    ids: Vec<String>,
}

impl From<TextDetected> for ask::PageTextAnswer {
    /// Words that are in no line are lines of their own, so that none is lost.
    fn from(found: TextDetected) -> Self {
        let (lines, words): (Vec<Block>, Vec<Block>) = found
            .blocks
            .into_iter()
            .filter(|block| matches!(block.kind.as_str(), "LINE" | "WORD"))
            .partition(|block| block.kind == "LINE");
        let order: Vec<String> = words.iter().map(|word| word.id.clone()).collect();
        let mut words: BTreeMap<String, Block> = words.into_iter().map(|word| (word.id.clone(), word)).collect();
        let word = |block: Block| PageWord {
            confidence: share(block.confidence),
            corners: block.geometry.corners(),
            text: block.text,
        };
        let mut read: Vec<PageLine> = Vec::new();
        for line in lines {
            let children = line.relationships.iter().filter(|link| link.r#type == "CHILD").flat_map(|link| &link.ids);
            let of_line: Vec<PageWord> = children.filter_map(|id| words.remove(id)).map(word).collect();
            if !of_line.is_empty() {
                let confidence = share(line.confidence);
                read.push(PageLine { words: of_line, confidence, corners: line.geometry.corners() });
            }
        }
        for alone in order.iter().filter_map(|id| words.remove(id)).map(word) {
            read.push(PageLine { confidence: alone.confidence, corners: alone.corners, words: vec![alone] });
        }
        Self { lines: read }
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "what a service says is divided by a hundred, and nothing else")]
mod tests {
    use super::*;

    #[test]
    fn words_are_in_the_order_of_their_lines_and_none_is_lost() {
        // The shape of the example in "Response objects" of the Textract developer guide.
        let text = r#"{"DocumentMetadata": {"Pages": 1}, "DetectDocumentTextModelVersion": "1.0", "Blocks": [
            {"BlockType": "PAGE", "Id": "p", "Geometry": {"BoundingBox": {"Width": 1, "Height": 1, "Left": 0, "Top": 0}},
             "Relationships": [{"Type": "CHILD", "Ids": ["l"]}]},
            {"BlockType": "LINE", "Id": "l", "Text": "Name: Jane", "Confidence": 99.5, "Geometry": {
                "BoundingBox": {"Width": 0.3, "Height": 0.02, "Left": 0.1, "Top": 0.1}},
             "Relationships": [{"Type": "CHILD", "Ids": ["w1", "w2"]}]},
            {"BlockType": "WORD", "Id": "w2", "Text": "Jane", "TextType": "HANDWRITING", "Confidence": 91.25, "Geometry": {
                "BoundingBox": {"Width": 0.1, "Height": 0.02, "Left": 0.3, "Top": 0.1},
                "Polygon": [{"X": 0.3, "Y": 0.1}, {"X": 0.4, "Y": 0.1}, {"X": 0.4, "Y": 0.12}, {"X": 0.3, "Y": 0.12}]}},
            {"BlockType": "WORD", "Id": "w1", "Text": "Name:", "TextType": "PRINTED", "Confidence": 99.9, "Geometry": {
                "BoundingBox": {"Width": 0.15, "Height": 0.02, "Left": 0.1, "Top": 0.1}}},
            {"BlockType": "WORD", "Id": "w3", "Text": "7", "Confidence": 50.0, "Geometry": {}}]}"#;
        let found: TextDetected = serde_json::from_str(text).unwrap();
        assert_eq!(found.document_metadata.pages, 1);
        let answer = ask::PageTextAnswer::from(found);
        let lines: Vec<Vec<&str>> =
            answer.lines.iter().map(|line| line.words.iter().map(|word| word.text.as_str()).collect()).collect();
        assert_eq!(lines, [vec!["Name:", "Jane"], vec!["7"]]);
        assert_eq!(answer.lines[0].words[1].corners[2], [0.4, 0.12]);
        assert_eq!(answer.lines[0].confidence, 0.995);
    }
}
