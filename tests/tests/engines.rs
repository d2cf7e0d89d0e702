//! Operations by Amazon's managed engines: the real programs, with the engines' API emulated strictly (`tests/src/engines.py`), whose
//! answers are made by looking at what was sent.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use contract::{FailureKind, JobEvent, ManagedUnits, Manifest, Outcome};
use e2e::{Aws, Engines, command};
use serde_json::Value;

fn picture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../jobs/image-job/tests/fixtures/recognise").join(name)
}

/// Where a program's results are, and what it said.
struct Done {
    folder: PathBuf,
    output: Output,
}

impl Done {
    fn of(program: &str, engines: Option<&Engines>, arguments: &[&str], input: &Path, folder: &Path) -> Self {
        let environment = engines.map(Engines::environment).unwrap_or_default();
        let output = command(program).envs(environment).args(arguments).arg(input).arg(folder).output().unwrap();
        Self { folder: folder.to_owned(), output }
    }

    fn event(&self) -> JobEvent {
        let said = String::from_utf8_lossy(&self.output.stdout);
        serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}{}", String::from_utf8_lossy(&self.output.stderr)))
    }

    /// The event of work that succeeded, and its manifest.
    fn succeeded(&self) -> (JobEvent, Manifest) {
        let event = self.event();
        assert_eq!(event.outcome, Outcome::Succeeded, "{:?}", event.error);
        let manifest = self.folder.join(event.manifest_key.as_deref().expect("it has a manifest"));
        (event, serde_json::from_slice(&fs_err::read(manifest).unwrap()).unwrap())
    }

    fn failed(&self) -> (FailureKind, String) {
        let event = self.event();
        assert_eq!(event.outcome, Outcome::Failed);
        let error = event.error.expect("it says why");
        (error.kind, error.message)
    }

    /// A result by its name.
    fn result(&self, name: &str) -> Vec<u8> {
        let event = self.event();
        let output = event.outputs.iter().find(|output| output.key.ends_with(name));
        fs_err::read(self.folder.join(&output.unwrap_or_else(|| panic!("{name}: {event:?}")).key)).unwrap()
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&self.result(name)).unwrap()
    }

    fn warnings(&self) -> String {
        self.succeeded().1.properties.get("warnings").map(ToString::to_string).unwrap_or_default()
    }
}

fn names(recognition: &Value, list: &str) -> Vec<String> {
    recognition[list].as_array().unwrap().iter().map(|each| each["name"].as_str().unwrap().to_owned()).collect()
}

/// Boxes that differ by the JPEG between them at most.
fn are_near(one: &Value, other: &Value, distance: f64) -> bool {
    let numbers =
        |value: &Value| -> Vec<f64> { value.as_array().unwrap().iter().map(|each| each.as_f64().unwrap()).collect() };
    numbers(one).iter().zip(numbers(other)).all(|(one, other)| (one - other).abs() <= distance)
}

#[test]
fn rekognition_sees_what_the_networks_see_and_each_question_is_billed() {
    let engines = Engines::new(Aws::shared());
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let features =
        ["recognise", "--features", "labels,objects,faces,text,moderation,quality", "--min-confidence", "0.4"];
    let native = Done::of("image-job", None, &features, &picture("astronaut.jpg"), folders[0].path());
    let arguments = [&features[..], &["--engine", "rekognition"]].concat();
    let prices = ["--price-vcpu-hour", "0", "--price-gib-hour", "0"];
    let arguments = [&arguments[..], &prices].concat();
    let done = Done::of("image-job", Some(&engines), &arguments, &picture("astronaut.jpg"), folders[1].path());
    let (event, manifest) = done.succeeded();
    let (ours, theirs) = (native.json("recognition.json"), done.json("recognition.json"));
    assert_eq!(theirs["engine"]["name"], "rekognition");
    assert_eq!((&ours["width"], &ours["height"]), (&theirs["width"], &theirs["height"]));
    // The picture goes through a JPEG, after which networks are as sure within a few hundredths.
    let (of_ours, of_theirs) = (names(&ours, "labels"), names(&theirs, "labels"));
    assert!(of_ours[..1] == of_theirs[..1] && of_theirs.contains(&"person".to_owned()), "{of_ours:?} {of_theirs:?}");
    let person = |recognition: &Value| {
        let labels = recognition["labels"].as_array().unwrap();
        labels.iter().find(|label| label["name"] == "person").unwrap()["instances"][0]["bounds"].clone()
    };
    assert!(are_near(&person(&ours), &person(&theirs), 12.0), "{} {}", person(&ours), person(&theirs));
    let face = |recognition: &Value, what: &str| recognition["faces"][0][what].clone();
    assert!(are_near(&face(&ours, "bounds"), &face(&theirs, "bounds"), 8.0));
    for point in ["eyeLeft", "eyeRight", "nose", "mouthLeft", "mouthRight"] {
        assert!(are_near(&face(&ours, "landmarks")[point], &face(&theirs, "landmarks")[point], 8.0), "{point}");
    }
    // Measured here in both.
    for same in ["quality", "colours", "contentTypes"] {
        assert_eq!(ours[same], theirs[same], "{same}");
    }
    let asked = ["DetectLabels", "DetectFaces", "DetectText", "DetectModerationLabels"];
    assert_eq!(engines.calls(), asked.map(|action| format!("rekognition {action}")));
    let usage = manifest.usage.unwrap();
    assert_eq!(usage.managed, ManagedUnits { rekognition_images: 4, ..ManagedUnits::default() });
    assert!((usage.estimated_cost.unwrap() - 0.004).abs() < 0.0005, "{usage:?}");
    assert_eq!(event.usage.unwrap().managed, usage.managed);
    assert_eq!(manifest.versions["rekognition DetectLabels"], "3.0");
    assert_eq!(manifest.versions["rekognition DetectFaces"], "interface of 2016-06-27");
    assert!(!manifest.versions.keys().any(|name| name.starts_with("weights")), "{:?}", manifest.versions);
}

/// Text as a drawing, which is a picture of every format that image-job writes.
const MEMO: [(f32, f32, &str); 4] = [
    (120.0, 52.0, "Memorandum of June"),
    (220.0, 26.0, "The meeting of the committee took place on Tuesday, and"),
    (258.0, 26.0, "all of its seven members were there. The budget of 48,200"),
    (296.0, 26.0, "euros was approved without further discussion by all."),
];

fn drawing(folder: &Path) -> PathBuf {
    let mut svg = "<svg xmlns='http://www.w3.org/2000/svg' width='1000' height='420'><rect width='100%' height='100%' fill='white'/>"
        .to_owned();
    for (y, size, line) in MEMO {
        let _ = write!(svg, "<text x='80' y='{y}' font-family='DejaVu Serif' font-size='{size}'>{line}</text>");
    }
    let path = folder.join("memo.svg");
    fs_err::write(&path, svg + "</svg>").unwrap();
    path
}

/// The drawing as a JPEG.
fn scan(folder: &Path) -> Vec<u8> {
    let arguments = ["convert", "--format", "jpeg", "--quality", "95"];
    Done::of("image-job", None, &arguments, &drawing(folder), &folder.join("scan")).result(".jpg")
}

/// A PDF of a page with text of its own, and pages that are pictures.
fn pdf(scans: &[Vec<u8>]) -> Vec<u8> {
    let text = b"BT /F 24 Tf 72 700 Td (This page holds its own text.) Tj ET".to_vec();
    let mut objects: Vec<Vec<u8>> = Vec::new();
    let stream = |dictionary: &str, content: &[u8]| {
        let head = format!("<< {dictionary} /Length {} >>\nstream\n", content.len()).into_bytes();
        [&head[..], content, b"\nendstream"].concat()
    };
    let pages: Vec<String> = (0..=scans.len()).map(|at| format!("{} 0 R", 4 + at * 3)).collect();
    objects.push(b"<< /Type /Catalog /Pages 2 0 R >>".to_vec());
    objects.push(format!("<< /Type /Pages /Kids [{}] /Count {} >>", pages.join(" "), pages.len()).into_bytes());
    objects.push(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_vec());
    let page = |at: usize, size: &str, resources: &str| {
        let content = 5 + at * 3;
        format!("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {size}] /Contents {content} 0 R /Resources << {resources} >> >>").into_bytes()
    };
    objects.push(page(0, "612 792", "/Font << /F 3 0 R >>"));
    objects.push(stream("", &text));
    objects.push(b"null".to_vec());
    for (at, scan) in (1..).zip(scans) {
        objects.push(page(at, "500 210", &format!("/XObject << /I {} 0 R >>", 6 + at * 3)));
        objects.push(stream("", b"q 500 0 0 210 0 0 cm /I Do Q"));
        let dictionary = "/Type /XObject /Subtype /Image /Width 1000 /Height 420 /BitsPerComponent 8 /ColorSpace /DeviceRGB /Filter /DCTDecode";
        objects.push(stream(dictionary, scan));
    }
    let mut pdf = b"%PDF-1.7\n".to_vec();
    let mut places = Vec::new();
    for (number, object) in (1..).zip(&objects) {
        places.push(pdf.len());
        pdf.extend(format!("{number} 0 obj\n").into_bytes());
        pdf.extend(object);
        pdf.extend(b"\nendobj\n");
    }
    let start = pdf.len();
    pdf.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).into_bytes());
    for place in places {
        pdf.extend(format!("{place:010} 00000 n \n").into_bytes());
    }
    pdf.extend(
        format!("trailer << /Size {} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n", objects.len() + 1).into_bytes(),
    );
    pdf
}

#[test]
fn textract_reads_the_pages_that_are_pictures_and_is_paid_for_no_other() {
    let engines = Engines::new(Aws::shared());
    let folder = tempfile::tempdir().unwrap();
    let scan = scan(folder.path());
    let input = folder.path().join("scan.pdf");
    fs_err::write(&input, pdf(&[scan.clone(), scan])).unwrap();
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let native = Done::of("document-job", None, &["text"], &input, folders[0].path());
    let done = Done::of("document-job", Some(&engines), &["text", "--engine", "textract"], &input, folders[1].path());
    let (_, manifest) = done.succeeded();
    assert_eq!(engines.calls(), ["textract DetectDocumentText"; 2]);
    assert_eq!(manifest.usage.unwrap().managed, ManagedUnits { textract_pages: 2, ..ManagedUnits::default() });
    assert_eq!(manifest.versions["textract DetectDocumentText"], "1.0");
    assert_eq!(manifest.properties["ocrPages"], 2);
    // The same words in the same layout.
    let text = String::from_utf8(done.result("text.txt")).unwrap();
    assert!(text.contains("This page holds its own text.") && text.contains("Memorandum of June"), "{text}");
    for file in ["text.txt", "text.md"] {
        assert_eq!(
            String::from_utf8(native.result(file)).unwrap(),
            String::from_utf8(done.result(file)).unwrap(),
            "{file}"
        );
    }
    let (ours, theirs) = (native.json("text.json"), done.json("text.json"));
    for page in 1..=2 {
        let (ours, theirs) = (&ours["pages"][page], &theirs["pages"][page]);
        assert_eq!((theirs["method"].as_str(), &ours["width"]), (Some("ocr"), &theirs["width"]));
        let blocks = |page: &Value| page["blocks"].as_array().unwrap().clone();
        assert_eq!(blocks(ours).len(), blocks(theirs).len());
        for (one, other) in blocks(ours).iter().zip(blocks(theirs)) {
            assert!(are_near(&one["bounds"], &other["bounds"], 2.0), "{one} {other}");
        }
    }
    // In either way of asking for it.
    let again = tempfile::tempdir().unwrap();
    let done = Done::of("document-job", Some(&engines), &["text", "--ocr", "textract"], &input, again.path());
    assert_eq!(String::from_utf8(done.result("text.txt")).unwrap(), text);
}

#[test]
fn textract_reads_pictures_of_every_format_whichever_way_they_lie() {
    let engines = Engines::new(Aws::shared());
    let folder = tempfile::tempdir().unwrap();
    let drawing = drawing(folder.path());
    let upright =
        Done::of("image-job", Some(&engines), &["text", "--engine", "textract"], &drawing, &folder.path().join("a"));
    let expected = String::from_utf8(upright.result("text.txt")).unwrap();
    assert!(expected.starts_with("Memorandum of June\n\nThe meeting of the committee"), "{expected}");
    let turned = fs_err::read_to_string(&drawing).unwrap();
    let turned = turned
        .replace("width='1000' height='420'>", "width='420' height='1000'><g transform='translate(420) rotate(90)'>");
    let turned =
        turned.replace("</svg>", "</g></svg>").replace("width='100%' height='100%'", "width='1000' height='420'");
    let path = folder.path().join("turned.svg");
    fs_err::write(&path, turned).unwrap();
    let turned =
        Done::of("image-job", Some(&engines), &["text", "--engine", "textract"], &path, &folder.path().join("b"));
    assert_eq!(String::from_utf8(turned.result("text.txt")).unwrap(), expected);
}

#[test]
fn comprehend_finds_names_phrases_sentiment_and_languages_with_their_places() {
    let engines = Engines::new(Aws::shared());
    let folder = tempfile::tempdir().unwrap();
    let text = "Grace Hopper joined the Navy in New York City. She was delighted by the wonderful new computer of Harvard \
                University, and called it the best machine that she had ever seen.\n\n\
                In Philadelphia Grace Hopper wrote a compiler for Remington Rand. The compiler was an excellent and happy success.\n";
    let input = folder.path().join("naïve.txt");
    fs_err::write(&input, text).unwrap();
    let features = ["analyse", "--features", "chunks,names,phrases,sentiment,languages"];
    let native = Done::of("document-job", None, &features, &input, &folder.path().join("native"));
    let arguments = [&features[..], &["--engine", "comprehend"]].concat();
    let done = Done::of("document-job", Some(&engines), &arguments, &input, &folder.path().join("comprehend"));
    let (_, manifest) = done.succeeded();
    let (ours, theirs) = (native.json("semantics.json"), done.json("semantics.json"));
    let people = |found: &Value| -> Vec<(String, u64)> {
        let names = found["names"].as_array().unwrap().iter().filter(|name| name["type"] == "person");
        names.map(|name| (name["text"].as_str().unwrap().to_owned(), name["count"].as_u64().unwrap())).collect()
    };
    // The emulator finds each mention of what the network has found once.
    assert!(people(&theirs).contains(&("Grace Hopper".to_owned(), 2)), "{theirs}");
    let mentions = |found: &Value| {
        let names = found["names"].as_array().unwrap();
        names.iter().find(|name| name["text"] == "Grace Hopper").unwrap()["mentions"][0].clone()
    };
    assert_eq!(mentions(&ours), mentions(&theirs));
    assert_eq!(
        (&theirs["sentiment"]["feeling"], &theirs["languages"][0]["language"]),
        (&"positive".into(), &"en".into())
    );
    assert_eq!(theirs["languages"][0]["name"], "English");
    assert!(theirs["chunks"][0]["sentiment"]["score"].as_f64().unwrap() > 0.0);
    let phrases = theirs["keyPhrases"].as_array().unwrap();
    assert!(phrases[0]["score"] == 1.0 && phrases.iter().any(|phrase| phrase["text"] == "Grace Hopper"), "{phrases:?}");
    let mut calls = engines.calls();
    calls.sort();
    let actions = ["DetectDominantLanguage", "DetectEntities", "DetectKeyPhrases", "DetectSentiment"];
    assert_eq!(calls, actions.map(|action| format!("comprehend {action}")));
    // Four questions about some 290 characters: three units each and a few for what is longer.
    let units = manifest.usage.unwrap().managed.comprehend_units;
    assert!((12..=16).contains(&units), "{units}");
    assert_eq!(manifest.versions["comprehend DetectEntities"], "interface of 2017-11-27");
}

#[test]
fn a_service_that_is_busy_or_breaks_off_is_asked_again_and_billed_once() {
    let engines = Engines::new(Aws::shared());
    engines.refuse("rekognition", "DetectLabels", "ProvisionedThroughputExceededException", 2);
    engines.cut("rekognition", "DetectLabels");
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["recognise", "--features", "labels", "--engine", "rekognition"];
    let done = Done::of("image-job", Some(&engines), &arguments, &picture("cat.jpg"), folder.path());
    let (_, manifest) = done.succeeded();
    assert_eq!(engines.calls().len(), 4);
    assert_eq!(manifest.usage.unwrap().managed.rekognition_images, 1);
}

#[test]
fn what_a_service_refuses_fails_with_its_reason_and_auto_falls_back_and_says_so() {
    let engines = Engines::new(Aws::shared());
    let folder = tempfile::tempdir().unwrap();
    let run = |engine: &str, folder: &Path| {
        let arguments = ["recognise", "--features", "labels,faces", "--engine", engine];
        Done::of("image-job", Some(&engines), &arguments, &picture("cat.jpg"), folder)
    };
    for (code, kind, sentence) in [
        ("AccessDeniedException", FailureKind::InvalidRequest, "no permission: rekognition:DetectFaces is needed"),
        (
            "ImageTooLargeException",
            FailureKind::InvalidInput,
            "rekognition does not take what DetectFaces was asked about",
        ),
        ("InvalidParameterException", FailureKind::Internal, "rekognition rejected DetectFaces"),
    ] {
        engines.refuse("rekognition", "DetectFaces", code, 1);
        let done = run("rekognition", folder.path());
        let (found, message) = done.failed();
        assert_eq!(found, kind, "{message}");
        assert!(message.contains(sentence) && message.contains("as the test wants it"), "{message}");
        // The labels were answered, and so they are paid for.
        assert_eq!(done.event().usage.unwrap().managed.rekognition_images, 1);
    }
    engines.refuse("rekognition", "DetectFaces", "InternalServerError", 100);
    let (kind, message) = run("rekognition", folder.path()).failed();
    assert_eq!(kind, FailureKind::Temporary, "{message}");
    let done = run("auto", folder.path());
    assert!(
        done.warnings().contains("Rekognition was not to be had, and the networks looked instead"),
        "{}",
        done.warnings()
    );
    let recognition = done.json("recognition.json");
    assert_eq!(recognition["engine"]["name"], "native");
    assert!(names(&recognition, "labels").iter().any(|name| name.contains("cat")), "{recognition}");
}

#[test]
fn without_textract_auto_reads_with_the_networks_and_without_both_names_the_pages() {
    let engines = Engines::new(Aws::shared());
    let folder = tempfile::tempdir().unwrap();
    let drawing = drawing(folder.path());
    engines.refuse("textract", "DetectDocumentText", "AccessDeniedException", 2);
    let done =
        Done::of("image-job", Some(&engines), &["text", "--engine", "auto"], &drawing, &folder.path().join("one"));
    assert!(
        done.warnings().contains("Textract was not to be had from page 1 on, and the networks read"),
        "{}",
        done.warnings()
    );
    assert!(String::from_utf8(done.result("text.txt")).unwrap().contains("Memorandum"));
    let mut environment = engines.environment();
    environment.push(("WEIGHTS_FOLDER".to_owned(), folder.path().display().to_string()));
    let output = command("image-job")
        .envs(environment)
        .args(["text", "--engine", "auto"])
        .args([&drawing, &folder.path().join("none")])
        .output()
        .unwrap();
    let done = Done { folder: folder.path().join("none"), output };
    assert!(done.warnings().contains("nor were the networks"), "{}", done.warnings());
    assert_eq!(done.succeeded().1.properties["ocrNeeded"], serde_json::json!([1]));
}

#[test]
fn what_an_engine_cannot_do_is_refused_before_anybody_is_asked() {
    let engines = Engines::new(Aws::shared());
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("notes.txt");
    fs_err::write(&input, "Notes with a text of their own.").unwrap();
    let done = Done::of("document-job", Some(&engines), &["text", "--engine", "textract"], &input, folder.path());
    let (_, message) = done.failed();
    assert!(message.contains("holds its text itself; leave out engine and ocr"), "{message}");
    let output = command("image-job")
        .envs(engines.environment())
        .args(["recognise", "--engine", "rekognition", "--features", "similar"])
        .args([&picture("cat.jpg"), folder.path()])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() == Some(64) && said.contains("features=similar is not known to Rekognition"),
        "{said}"
    );
    assert!(engines.calls().is_empty());
}
