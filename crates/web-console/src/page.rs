//! The page's files, compiled in: they are the same wherever the program runs, and work without a network.
//!
//! The viewers are other people's, minified as their makers publish them. They are in the repository, compressed, and not fetched while
//! the program is built: `cargo build` needs neither npm nor a network, a registry that is away or was taken over changes no build, and
//! what is served is what was looked at. viewers.tsv has their packages, versions, digests and licences; `scripts/console-viewers` makes
//! the files of it again. To bundle them with the page's own files was left: a bundler would be a build of its own, and the page's own
//! files are few and small.

use std::io::{Read as _, Write as _};
use std::sync::LazyLock;

use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode, header};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const WASM: &str = "application/wasm";

/// Name, media type and bytes.
type File = (&'static str, &'static str, &'static [u8]);

/// The page's own.
const FILES: &[File] = &[
    ("", HTML, include_bytes!("../page/index.html")),
    ("style.css", "text/css; charset=utf-8", include_bytes!("../page/style.css")),
    ("app.js", SCRIPT, include_bytes!("../page/app.js")),
    ("api.js", SCRIPT, include_bytes!("../page/api.js")),
    ("parts.js", SCRIPT, include_bytes!("../page/parts.js")),
    ("upload.js", SCRIPT, include_bytes!("../page/upload.js")),
    ("dashboard.js", SCRIPT, include_bytes!("../page/dashboard.js")),
    ("detail.js", SCRIPT, include_bytes!("../page/detail.js")),
    ("results.js", SCRIPT, include_bytes!("../page/results.js")),
    ("model.js", SCRIPT, include_bytes!("../page/model.js")),
    ("player.js", SCRIPT, include_bytes!("../page/player.js")),
    ("document.js", SCRIPT, include_bytes!("../page/document.js")),
    ("icon.svg", "image/svg+xml", include_bytes!("../page/icon.svg")),
];

/// The viewers and their licences, compressed by gzip.
const VIEWERS: &[File] = &[
    ("model-viewer.min.js", SCRIPT, include_bytes!("../page/vendor/model-viewer.min.js.gz")),
    ("meshopt_decoder.js", SCRIPT, include_bytes!("../page/vendor/meshopt_decoder.js.gz")),
    ("draco_wasm_wrapper.js", SCRIPT, include_bytes!("../page/vendor/draco_wasm_wrapper.js.gz")),
    ("draco_decoder.wasm", WASM, include_bytes!("../page/vendor/draco_decoder.wasm.gz")),
    ("hls.min.mjs", SCRIPT, include_bytes!("../page/vendor/hls.min.mjs.gz")),
    ("pdf.min.mjs", SCRIPT, include_bytes!("../page/vendor/pdf.min.mjs.gz")),
    ("pdf.worker.min.mjs", SCRIPT, include_bytes!("../page/vendor/pdf.worker.min.mjs.gz")),
    ("openjpeg.wasm", WASM, include_bytes!("../page/vendor/openjpeg.wasm.gz")),
    ("jbig2.wasm", WASM, include_bytes!("../page/vendor/jbig2.wasm.gz")),
    ("qcms_bg.wasm", WASM, include_bytes!("../page/vendor/qcms_bg.wasm.gz")),
    ("lit-licence.txt", TEXT, include_bytes!("../page/vendor/lit-licence.txt.gz")),
    ("licences.txt", TEXT, include_bytes!("../page/vendor/licences.txt.gz")),
];

/// The page's own files, compressed when the first is asked for.
static PACKED: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| FILES.iter().map(|(_, _, bytes)| packed(bytes)).collect());

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    // Into memory, where no write fails.
    let _ = packer.write_all(bytes);
    packer.finish().unwrap_or_default()
}

fn unpacked(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut unpacked = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut unpacked)?;
    Ok(unpacked)
}

/// One of the page's own files.
pub(crate) fn answer(name: &str, headers: &HeaderMap) -> Response<Body> {
    let Some(place) = FILES.iter().position(|(known, _, _)| *known == name) else {
        return status(StatusCode::NOT_FOUND);
    };
    let (_, media_type, bytes) = FILES[place];
    if takes_gzip(headers) {
        file(media_type, &PACKED[place], true, headers)
    } else {
        file(media_type, bytes, false, headers)
    }
}

/// A viewer's file.
pub(crate) fn viewer(name: &str, headers: &HeaderMap) -> Response<Body> {
    let Some((_, media_type, bytes)) = VIEWERS.iter().find(|(known, _, _)| *known == name) else {
        return status(StatusCode::NOT_FOUND);
    };
    if takes_gzip(headers) {
        return file(media_type, bytes, true, headers);
    }
    match unpacked(bytes) {
        Ok(bytes) => file(media_type, &bytes, false, headers),
        Err(_) => status(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// Whether the answer may be compressed, as every browser asks. A weight of 0 refuses it.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let asked = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    asked.split(',').any(|coding| {
        let (name, weight) = coding.split_once(";q=").unwrap_or((coding, "1"));
        name.trim() == "gzip" && weight.trim().parse().is_ok_and(|weight: f64| weight > 0.0)
    })
}

fn file(media_type: &'static str, bytes: &[u8], is_packed: bool, headers: &HeaderMap) -> Response<Body> {
    let etag = format!("\"{}\"", contract::job_id(media_type, &String::from_utf8_lossy(bytes)));
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        return status(StatusCode::NOT_MODIFIED);
    }
    let mut answer = Response::builder()
        .header(header::CONTENT_TYPE, media_type)
        .header(header::CACHE_CONTROL, "no-cache")
        .header(header::VARY, "accept-encoding")
        .header(header::ETAG, etag);
    if is_packed {
        answer = answer.header(header::CONTENT_ENCODING, "gzip");
    }
    answer.body(Body::from(bytes.to_vec())).unwrap_or_else(|_| status(StatusCode::INTERNAL_SERVER_ERROR))
}

fn status(status: StatusCode) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    answer
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use axum::body::to_bytes;
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use sha2::{Digest as _, Sha256};

    use super::*;

    fn content(name: &str) -> Vec<u8> {
        let found = VIEWERS.iter().find(|(known, _, _)| *known == name);
        let (_, _, bytes) = found.unwrap_or_else(|| panic!("{name} is not compiled in"));
        unpacked(bytes).unwrap()
    }

    #[tokio::test]
    async fn files_are_compressed_for_whoever_takes_that_and_the_same_for_all() {
        type Answer = fn(&str, &HeaderMap) -> Response<Body>;
        for (name, answer) in [("app.js", answer as Answer), ("style.css", answer), ("meshopt_decoder.js", viewer)] {
            let ask = async |coding: &str| {
                let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, coding.parse().unwrap())]);
                let answer = answer(name, &headers);
                assert_eq!(answer.status(), StatusCode::OK, "{name}");
                let coding = answer.headers().get(header::CONTENT_ENCODING).cloned();
                (coding, to_bytes(answer.into_body(), 1 << 20).await.unwrap())
            };
            let (coding, packed) = ask("gzip, deflate, br").await;
            assert_eq!(coding.unwrap(), "gzip", "{name}");
            let (coding, plain) = ask("br, gzip;q=0").await;
            assert_eq!((coding, plain.as_ref()), (None, unpacked(&packed).unwrap().as_slice()), "{name}");
            let again = HeaderMap::from_iter([(
                header::IF_NONE_MATCH,
                answer(name, &HeaderMap::new()).headers()[header::ETAG].clone(),
            )]);
            assert_eq!(answer(name, &again).status(), StatusCode::NOT_MODIFIED, "{name}");
        }
    }

    /// The target of the first view is 120 kB compressed: this is more than it loads, and not compressed.
    #[test]
    fn the_page_is_small_and_names_only_what_is_there() {
        let total: usize = FILES.iter().map(|(_, _, bytes)| bytes.len()).sum();
        assert!(total < 120_000, "{total} bytes");
        for (name, _, bytes) in FILES {
            let text = String::from_utf8_lossy(bytes);
            assert!(!text.contains("//cdn") && !text.contains("https://"), "{name} loads something from elsewhere");
            let imports = [" from './", "import('./"].into_iter().flat_map(|before| text.split(before).skip(1));
            for import in imports.filter_map(|rest| rest.split('\'').next()) {
                let viewer = import.strip_prefix("vendor/");
                let is_there = FILES.iter().any(|(known, _, _)| *known == import)
                    || viewer.is_some_and(|viewer| VIEWERS.iter().any(|(known, _, _)| *known == viewer));
                assert!(is_there, "{name} imports {import}");
            }
            for viewer in text
                .split("'/vendor/")
                .skip(1)
                .filter_map(|rest| rest.split('\'').next())
                .filter(|rest| !rest.is_empty())
            {
                assert!(VIEWERS.iter().any(|(known, _, _)| *known == viewer), "{name} names {viewer}");
            }
        }
    }

    #[test]
    fn viewers_are_those_of_the_list_byte_for_byte() {
        let list = include_str!("../viewers.tsv");
        let mut listed = BTreeSet::from(["licences.txt"]);
        for line in list.lines().filter(|line| !line.starts_with('#')) {
            let [name, package, version, _, _, digest, size, licence] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{line:?} has not eight columns");
            };
            let bytes = content(name);
            let found = Sha256::digest(&bytes).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
            assert_eq!((found.as_str(), bytes.len().to_string().as_str()), (digest, size), "{name}");
            let licences = String::from_utf8(content("licences.txt")).unwrap();
            assert!(
                licences.contains(&format!("== {name}: {package} {version}, {licence} ==")),
                "{name}: run scripts/console-viewers"
            );
            listed.insert(name);
        }
        assert_eq!(listed, VIEWERS.iter().map(|(name, _, _)| *name).collect());
    }

    #[test]
    fn the_policy_allows_the_style_sheet_in_the_markup_of_model_viewer_and_no_other() {
        let text = String::from_utf8(content("model-viewer.min.js")).unwrap();
        let sheets: Vec<_> = text.split("<style>").skip(1).filter_map(|rest| rest.split("</style>").next()).collect();
        assert_eq!(sheets.len(), 1);
        let digest = BASE64_STANDARD.encode(Sha256::digest(sheets[0]));
        assert!(crate::guard::OF_THE_PAGE.contains(&format!("style-src 'self' 'sha256-{digest}';")), "sha256-{digest}");
        assert!(
            !crate::guard::OF_THE_PAGE.contains("'unsafe-inline'")
                && !crate::guard::OF_THE_PAGE.contains("'unsafe-eval'")
        );
    }
}
