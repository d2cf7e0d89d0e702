//! The page's files, compiled in: they are the same wherever the program runs, and work without a network.

use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode, header};

/// Name, media type and bytes.
const FILES: &[(&str, &str, &[u8])] = &[
    ("", "text/html; charset=utf-8", include_bytes!("../page/index.html")),
    ("style.css", "text/css; charset=utf-8", include_bytes!("../page/style.css")),
    ("app.js", "text/javascript; charset=utf-8", include_bytes!("../page/app.js")),
    ("api.js", "text/javascript; charset=utf-8", include_bytes!("../page/api.js")),
    ("parts.js", "text/javascript; charset=utf-8", include_bytes!("../page/parts.js")),
    ("upload.js", "text/javascript; charset=utf-8", include_bytes!("../page/upload.js")),
    ("detail.js", "text/javascript; charset=utf-8", include_bytes!("../page/detail.js")),
    ("results.js", "text/javascript; charset=utf-8", include_bytes!("../page/results.js")),
    ("icon.svg", "image/svg+xml", include_bytes!("../page/icon.svg")),
];

/// One of them.
pub(crate) fn answer(name: &str, headers: &HeaderMap) -> Response<Body> {
    let Some((_, media_type, bytes)) = FILES.iter().find(|(known, _, _)| *known == name) else {
        return status(StatusCode::NOT_FOUND);
    };
    let etag = format!("\"{}\"", contract::job_id(name, &String::from_utf8_lossy(bytes)));
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        return status(StatusCode::NOT_MODIFIED);
    }
    let answer = Response::builder()
        .header(header::CONTENT_TYPE, *media_type)
        .header(header::CACHE_CONTROL, "no-cache")
        .header(header::ETAG, etag);
    answer.body(Body::from(*bytes)).unwrap_or_else(|_| status(StatusCode::INTERNAL_SERVER_ERROR))
}

fn status(status: StatusCode) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The target of the first view is 120 kB compressed; what is compiled in is served as it is.
    #[test]
    fn the_page_is_small_and_names_only_what_is_there() {
        let total: usize = FILES.iter().map(|(_, _, bytes)| bytes.len()).sum();
        assert!(total < 120_000, "{total} bytes");
        for (name, _, bytes) in FILES {
            let text = String::from_utf8_lossy(bytes);
            assert!(!text.contains("//cdn") && !text.contains("https://"), "{name} loads something from elsewhere");
            for import in text.split(" from './").skip(1).filter_map(|rest| rest.split('\'').next()) {
                assert!(FILES.iter().any(|(known, _, _)| *known == import), "{name} imports {import}");
            }
        }
    }
}
