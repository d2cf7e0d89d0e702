//! Amazon Rekognition: what pictures show.
//!
//! | question | action | billed |
//! | --- | --- | --- |
//! | labels | `DetectLabels`, `GENERAL_LABELS` | 1 picture |
//! | faces | `DetectFaces`, default attributes | 1 picture |
//! | words | `DetectText` | 1 picture |
//! | moderation | `DetectModerationLabels` | 1 picture |
//!
//! Confidence is in per cent there and a share here. Boxes are shares of the picture in both.

use std::collections::BTreeMap;

use contract::recognition::{Face, Instance, Label, ModerationLabel, TextLine, TextWord};
use contract::{Failure, ManagedUnits};
use operation::ask::{self, Jpeg};
use serde::{Deserialize, Serialize};

use crate::api::Api;
use crate::asked::{Asked, checked, share};

pub(crate) const REKOGNITION: Api = Api {
    name: "rekognition",
    variable: "REKOGNITION",
    target: "RekognitionService",
    version: "2016-06-27",
    per_second: 5.0,
};

/// Bytes of a picture in a request.
const MOST_BYTES: usize = 5_242_880;

const ONE_IMAGE: ManagedUnits =
    ManagedUnits { textract_pages: 0, rekognition_images: 1, comprehend_units: 0, mediaconvert_seconds: 0 };

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Image<'a> {
    bytes: &'a Jpeg,
}

/// Left, upper, right and lower edge.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct BoundingBox {
    left: f32,
    top: f32,
    width: f32,
    height: f32,
}

impl Default for BoundingBox {
    fn default() -> Self {
        Self { left: 0.0, top: 0.0, width: 1.0, height: 1.0 }
    }
}

impl BoundingBox {
    /// Objects at the edge may reach beyond the picture.
    pub(crate) fn bounds(&self) -> [f32; 4] {
        [self.left, self.top, self.left + self.width, self.top + self.height].map(within)
    }

    pub(crate) fn corners(&self) -> [[f32; 2]; 4] {
        let [left, top, right, bottom] = self.bounds();
        [[left, top], [right, top], [right, bottom], [left, bottom]]
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
pub(crate) struct Point {
    x: f32,
    y: f32,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Geometry {
    bounding_box: BoundingBox,
    polygon: Vec<Point>,
}

impl Geometry {
    /// Upper left, upper right, lower right and lower left corner as the text is read.
    pub(crate) fn corners(&self) -> [[f32; 2]; 4] {
        match self.polygon.as_slice() {
            [a, b, c, d] => [a, b, c, d].map(|point| [within(point.x), within(point.y)]),
            _ => self.bounding_box.corners(),
        }
    }
}

/// A share with six digits: the millionth part of a picture is less than a pixel.
fn within(share: f32) -> f32 {
    if share.is_finite() { (share.clamp(0.0, 1.0) * 1e6).round() / 1e6 } else { 0.0 }
}

pub(crate) async fn labels(asked: &Asked, question: ask::Labels) -> Result<ask::LabelsAnswer, Failure> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Request<'a> {
        image: Image<'a>,
        max_labels: u16,
        min_confidence: f32,
        features: [&'static str; 1],
    }
    checked(&question.picture, MOST_BYTES)?;
    let request = Request {
        image: Image { bytes: &question.picture },
        max_labels: question.max.clamp(1, 1000),
        min_confidence: per_cent(question.min_confidence),
        features: ["GENERAL_LABELS"],
    };
    let answer: LabelsFound = asked.call(&REKOGNITION, "DetectLabels", &request).await?;
    asked.billed(&REKOGNITION, "DetectLabels", answer.label_model_version.clone(), ONE_IMAGE);
    Ok(answer.into())
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct LabelsFound {
    labels: Vec<FoundLabel>,
    label_model_version: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct FoundLabel {
    name: String,
    confidence: f32,
    parents: Vec<Parent>,
    instances: Vec<FoundInstance>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Parent {
    name: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct FoundInstance {
    bounding_box: BoundingBox,
    confidence: f32,
}

impl From<LabelsFound> for ask::LabelsAnswer {
    fn from(found: LabelsFound) -> Self {
        let label = |found: FoundLabel| {
            let instance = |found: FoundInstance| Instance {
                bounds: found.bounding_box.bounds(),
                confidence: share(found.confidence),
            };
            let mut instances: Vec<Instance> = found.instances.into_iter().map(instance).collect();
            instances.sort_by(|one, other| other.confidence.total_cmp(&one.confidence));
            Label {
                name: found.name,
                confidence: share(found.confidence),
                parents: found.parents.into_iter().map(|parent| parent.name).collect(),
                instances,
            }
        };
        let mut labels: Vec<Label> = found.labels.into_iter().map(label).collect();
        labels.sort_by(|one, other| other.confidence.total_cmp(&one.confidence));
        Self { labels }
    }
}

pub(crate) async fn faces(asked: &Asked, question: ask::Faces) -> Result<ask::FacesAnswer, Failure> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Request<'a> {
        image: Image<'a>,
        attributes: [&'static str; 1],
    }
    checked(&question.picture, MOST_BYTES)?;
    let request = Request { image: Image { bytes: &question.picture }, attributes: ["DEFAULT"] };
    let answer: FacesFound = asked.call(&REKOGNITION, "DetectFaces", &request).await?;
    asked.billed(&REKOGNITION, "DetectFaces", None, ONE_IMAGE);
    Ok(answer.into())
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct FacesFound {
    face_details: Vec<FaceDetail>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct FaceDetail {
    bounding_box: BoundingBox,
    confidence: f32,
    landmarks: Vec<Landmark>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Landmark {
    r#type: String,
    x: f32,
    y: f32,
}

impl From<FacesFound> for ask::FacesAnswer {
    fn from(found: FacesFound) -> Self {
        let face = |found: FaceDetail| Face {
            bounds: found.bounding_box.bounds(),
            confidence: share(found.confidence),
            landmarks: landmarks(found.landmarks),
        };
        let mut faces: Vec<Face> = found.face_details.into_iter().map(face).collect();
        faces.sort_by(|one, other| other.confidence.total_cmp(&one.confidence));
        Self { faces }
    }
}

/// Eyes, nose and mouth. Left is where whoever looks at the picture has their left, whatever the service calls so: of two eyes it is
/// the one further left.
fn landmarks(found: Vec<Landmark>) -> BTreeMap<String, [f32; 2]> {
    let mut points: BTreeMap<String, [f32; 2]> = found
        .into_iter()
        .filter(|point| matches!(point.r#type.as_str(), "eyeLeft" | "eyeRight" | "nose" | "mouthLeft" | "mouthRight"))
        .map(|point| (point.r#type, [within(point.x), within(point.y)]))
        .collect();
    if let (Some(left), Some(right)) = (points.get("eyeLeft"), points.get("eyeRight"))
        && left[0] > right[0]
    {
        for [one, other] in [["eyeLeft", "eyeRight"], ["mouthLeft", "mouthRight"]] {
            if let (Some(first), Some(second)) = (points.remove(one), points.remove(other)) {
                points.insert(one.to_owned(), second);
                points.insert(other.to_owned(), first);
            }
        }
    }
    points
}

pub(crate) async fn words(asked: &Asked, question: ask::Words) -> Result<ask::WordsAnswer, Failure> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct WordFilter {
        min_confidence: f32,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Filters {
        word_filter: WordFilter,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Request<'a> {
        image: Image<'a>,
        filters: Filters,
    }
    checked(&question.picture, MOST_BYTES)?;
    let request = Request {
        image: Image { bytes: &question.picture },
        filters: Filters { word_filter: WordFilter { min_confidence: per_cent(question.min_confidence) } },
    };
    let answer: TextFound = asked.call(&REKOGNITION, "DetectText", &request).await?;
    asked.billed(&REKOGNITION, "DetectText", answer.text_model_version.clone(), ONE_IMAGE);
    Ok(answer.into())
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct TextFound {
    text_detections: Vec<TextDetection>,
    text_model_version: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct TextDetection {
    detected_text: String,
    r#type: String,
    id: u32,
    parent_id: Option<u32>,
    confidence: f32,
    geometry: Geometry,
}

impl From<TextFound> for ask::WordsAnswer {
    /// Lines with their words; what is not in a line, or a line whose words were all left out, is not there.
    fn from(found: TextFound) -> Self {
        let (lines, words): (Vec<TextDetection>, Vec<TextDetection>) =
            found.text_detections.into_iter().partition(|found| found.r#type == "LINE");
        let mut by_line: BTreeMap<u32, Vec<TextWord>> = BTreeMap::new();
        for word in words {
            let Some(line) = word.parent_id else { continue };
            by_line.entry(line).or_default().push(TextWord {
                confidence: share(word.confidence),
                bounds: around(&word.geometry.corners()),
                corners: word.geometry.corners(),
                text: word.detected_text,
            });
        }
        let line = |line: TextDetection| {
            let words = by_line.remove(&line.id)?;
            let confidence = words.iter().map(|word| word.confidence).sum::<f32>() / words.len() as f32;
            Some(TextLine {
                text: words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" "),
                confidence: share(confidence * 100.0),
                bounds: around(&line.geometry.corners()),
                corners: line.geometry.corners(),
                words,
            })
        };
        Self { lines: lines.into_iter().filter_map(line).collect() }
    }
}

fn around(corners: &[[f32; 2]; 4]) -> [f32; 4] {
    corners.iter().fold([1.0, 1.0, 0.0, 0.0], |[left, top, right, bottom], [x, y]| {
        [f32::min(left, *x), f32::min(top, *y), f32::max(right, *x), f32::max(bottom, *y)]
    })
}

pub(crate) async fn moderation(asked: &Asked, question: ask::Moderation) -> Result<ask::ModerationAnswer, Failure> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Request<'a> {
        image: Image<'a>,
        min_confidence: f32,
    }
    checked(&question.picture, MOST_BYTES)?;
    let request =
        Request { image: Image { bytes: &question.picture }, min_confidence: per_cent(question.min_confidence) };
    let answer: ModerationFound = asked.call(&REKOGNITION, "DetectModerationLabels", &request).await?;
    asked.billed(&REKOGNITION, "DetectModerationLabels", answer.moderation_model_version.clone(), ONE_IMAGE);
    Ok(answer.into())
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ModerationFound {
    moderation_labels: Vec<FoundModeration>,
    moderation_model_version: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct FoundModeration {
    name: String,
    parent_name: Option<String>,
    taxonomy_level: Option<u8>,
    confidence: f32,
}

impl From<ModerationFound> for ask::ModerationAnswer {
    fn from(found: ModerationFound) -> Self {
        let label = |found: FoundModeration| {
            let parent = found.parent_name.filter(|name| !name.is_empty());
            let level = found.taxonomy_level.unwrap_or(if parent.is_some() { 2 } else { 1 });
            ModerationLabel { name: found.name, parent, level, confidence: share(found.confidence) }
        };
        let mut labels: Vec<ModerationLabel> = found.moderation_labels.into_iter().map(label).collect();
        labels.sort_by(|one, other| other.confidence.total_cmp(&one.confidence).then(one.level.cmp(&other.level)));
        Self { labels }
    }
}

/// A share as per cent, as far as there are such.
fn per_cent(share: f32) -> f32 {
    if share.is_finite() { share.clamp(0.0, 1.0) * 100.0 } else { 0.0 }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "what a service says is divided by a hundred, and nothing else")]
mod tests {
    use serde::de::DeserializeOwned;

    use super::*;

    fn read<T: DeserializeOwned>(text: &str) -> T {
        serde_json::from_str(text).expect(text)
    }

    #[test]
    fn labels_have_their_instances_and_more_general_kinds() {
        // From "Detecting labels in an image" of the Rekognition developer guide, cut.
        let found: LabelsFound = read(
            r#"{"Labels": [
                {"Name": "Vehicle", "Confidence": 99.15, "Instances": [], "Parents": [{"Name": "Transportation"}],
                 "Aliases": [{"Name": "Vehicles"}], "Categories": [{"Name": "Vehicles and Automotive"}]},
                {"Name": "Car", "Confidence": 99.94,
                 "Instances": [
                    {"BoundingBox": {"Width": 0.0425, "Height": 0.04, "Left": 0.5, "Top": 0.6}, "Confidence": 61.2},
                    {"BoundingBox": {"Width": 0.1986, "Height": 0.1865, "Left": 0.98, "Top": -0.1}, "Confidence": 98.8}],
                 "Parents": [{"Name": "Vehicle"}, {"Name": "Transportation"}]}],
                "LabelModelVersion": "3.0", "OrientationCorrection": "ROTATE_0"}"#,
        );
        let answer = ask::LabelsAnswer::from(found);
        let names: Vec<_> = answer.labels.iter().map(|label| (label.name.as_str(), label.confidence)).collect();
        assert_eq!(names, [("Car", 0.9994), ("Vehicle", 0.9915)]);
        assert_eq!(answer.labels[0].parents, ["Vehicle", "Transportation"]);
        assert_eq!(answer.labels[0].instances[0].bounds, [0.98, 0.0, 1.0, 0.0865]);
        assert_eq!(answer.labels[0].instances[1].confidence, 0.612);
    }

    #[test]
    fn the_left_eye_is_further_left_whatever_the_service_calls_it() {
        for swapped in [false, true] {
            let [left, right] = if swapped { ["eyeRight", "eyeLeft"] } else { ["eyeLeft", "eyeRight"] };
            let found: FacesFound = read(&format!(
                r#"{{"FaceDetails": [{{"BoundingBox": {{"Width": 0.2, "Height": 0.3, "Left": 0.1, "Top": 0.2}},
                    "Landmarks": [{{"Type": "{left}", "X": 0.15, "Y": 0.3}}, {{"Type": "{right}", "X": 0.25, "Y": 0.3}},
                                  {{"Type": "nose", "X": 0.2, "Y": 0.35}}, {{"Type": "chinBottom", "X": 0.2, "Y": 0.5}}],
                    "Confidence": 99.99, "Quality": {{"Brightness": 80.0, "Sharpness": 90.0}}}}]}}"#
            ));
            let answer = ask::FacesAnswer::from(found);
            let landmarks = &answer.faces[0].landmarks;
            assert_eq!((landmarks["eyeLeft"], landmarks["eyeRight"]), ([0.15, 0.3], [0.25, 0.3]));
            assert_eq!(landmarks.len(), 3);
        }
    }

    #[test]
    fn words_are_in_their_lines_and_a_line_without_words_is_not_there() {
        let found: TextFound = read(
            r#"{"TextDetections": [
                {"DetectedText": "NO PARKING", "Type": "LINE", "Id": 0, "Confidence": 99.0, "Geometry": {
                    "BoundingBox": {"Width": 0.4, "Height": 0.1, "Left": 0.1, "Top": 0.2},
                    "Polygon": [{"X": 0.1, "Y": 0.2}, {"X": 0.5, "Y": 0.2}, {"X": 0.5, "Y": 0.3}, {"X": 0.1, "Y": 0.3}]}},
                {"DetectedText": "blurred", "Type": "LINE", "Id": 1, "Confidence": 31.0, "Geometry": {}},
                {"DetectedText": "NO", "Type": "WORD", "Id": 2, "ParentId": 0, "Confidence": 98.0, "Geometry": {
                    "BoundingBox": {"Width": 0.1, "Height": 0.1, "Left": 0.1, "Top": 0.2}}},
                {"DetectedText": "PARKING", "Type": "WORD", "Id": 3, "ParentId": 0, "Confidence": 100.0, "Geometry": {
                    "BoundingBox": {"Width": 0.25, "Height": 0.1, "Left": 0.25, "Top": 0.2}}}],
                "TextModelVersion": "3.0"}"#,
        );
        let answer = ask::WordsAnswer::from(found);
        assert_eq!(answer.lines.len(), 1);
        let line = &answer.lines[0];
        assert_eq!((line.text.as_str(), line.confidence, line.bounds), ("NO PARKING", 0.99, [0.1, 0.2, 0.5, 0.3]));
        assert_eq!(line.words[1].corners[2], [0.5, 0.3]);
    }

    #[test]
    fn moderation_labels_keep_their_place_in_the_tree() {
        let found: ModerationFound = read(
            r#"{"ModerationLabels": [
                {"Confidence": 99.2, "Name": "Smoking", "ParentName": "Drugs & Tobacco Paraphernalia & Use", "TaxonomyLevel": 3},
                {"Confidence": 99.2, "Name": "Drugs & Tobacco", "ParentName": "", "TaxonomyLevel": 1}],
                "ModerationModelVersion": "7.0", "ContentTypes": []}"#,
        );
        let labels = ask::ModerationAnswer::from(found).labels;
        assert_eq!(
            (labels[0].name.as_str(), labels[0].parent.as_deref(), labels[0].level),
            ("Drugs & Tobacco", None, 1)
        );
        assert_eq!(labels[1].level, 3);
    }
}
