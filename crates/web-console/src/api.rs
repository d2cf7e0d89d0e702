//! The routes: docs/api.yaml describes them.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State as Shared};
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Json};
use axum::routing::{get, post};
use axum::{Router, http::HeaderName};
use contract::{Failure, FailureKind};
use futures::{Stream, stream};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::desk::{Desk, Filter};
use crate::folder::FolderDesk;
use crate::guard::{Guard, protect};
use crate::transfer::{Announcement, Transfers};
use crate::watch::Watch;
use crate::{files, forms, page, summary};

/// The longest message of the server itself.
const MOST_TOLD: usize = 4096;

/// How often the records are looked at for changes.
const LOOK: Duration = Duration::from_millis(500);

/// What the routes share.
struct Console {
    desk: FolderDesk,
    transfers: Transfers,
    watch: Watch,
    guard: Guard,
    /// Whether uploads are worked on by this program.
    is_running: bool,
}

type Desks = Shared<Arc<Console>>;

/// Every route, behind the guard.
pub(crate) fn router(desk: FolderDesk, watch: Watch, guard: Guard, is_running: bool) -> Router {
    let transfers = Transfers::new(desk.inbox().root());
    let console = Arc::new(Console { desk, transfers, watch, guard, is_running });
    let private = Router::new()
        .route("/api/about", get(about))
        .route("/api/operations", get(async || Json(forms::kinds())))
        .route("/api/uploads", get(uploads))
        .route("/api/counts", get(counts))
        .route("/api/summary", get(summary))
        .route("/api/upload/{*key}", get(upload).delete(delete))
        .route("/api/submit/{*key}", post(submit))
        .route("/api/cancel/{*key}", post(cancel))
        .route("/api/redrive/{*key}", post(redrive))
        .route("/api/transfers", post(begin))
        .route("/api/transfers/{id}", axum::routing::patch(append).layer(DefaultBodyLimit::disable()))
        .route("/api/changes", get(changes))
        .route("/files/results/{*key}", get(result_file))
        .route("/files/uploads/{*key}", get(upload_file))
        .layer(middleware::from_fn_with_state(Arc::clone(&console), with_token));
    Router::new()
        .route("/", get(async |headers: HeaderMap| page::answer("", &headers)))
        .route("/{name}", get(async |Path(name): Path<String>, headers: HeaderMap| page::answer(&name, &headers)))
        .route(
            "/vendor/{name}",
            get(async |Path(name): Path<String>, headers: HeaderMap| page::viewer(&name, &headers)),
        )
        .route("/api/session", post(session))
        .merge(private)
        .layer(middleware::from_fn_with_state(Arc::clone(&console), guarded))
        .with_state(console)
}

async fn guarded(Shared(console): Desks, request: Request, next: Next) -> Response<Body> {
    let allowed = console.guard.names_this_host(request.headers(), request.uri());
    let allowed = allowed.and_then(|()| console.guard.comes_from_the_page(request.method(), request.headers()));
    let is_file = request.uri().path().starts_with("/files/");
    let is_api = is_file || request.uri().path().starts_with("/api/");
    let mut answer = match allowed {
        Ok(()) => next.run(request).await,
        Err(status) => status.into_response(),
    };
    if is_api {
        answer = in_the_api_s_form(answer).await;
    }
    protect(answer.headers_mut(), is_file);
    answer
}

async fn with_token(Shared(console): Desks, request: Request, next: Next) -> Response<Body> {
    match console.guard.knows_the_token(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(status) => {
            let told =
                json!({"kind": FailureKind::InvalidRequest, "message": "open the URL that `pipeline serve` printed"});
            (status, Json(told)).into_response()
        }
    }
}

/// What the server itself refuses (a body that is not JSON, a query with an unknown name, a route that is not there), as the API
/// refuses.
async fn in_the_api_s_form(answer: Response<Body>) -> Response<Body> {
    let is_json = answer
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|known| known.as_bytes().starts_with(b"application/json"));
    let status = answer.status();
    if !status.is_client_error() || is_json || status == StatusCode::RANGE_NOT_SATISFIABLE {
        return answer;
    }
    let (mut parts, body) = answer.into_parts();
    let told = axum::body::to_bytes(body, MOST_TOLD).await.unwrap_or_default();
    let told = if told.is_empty() {
        status.canonical_reason().unwrap_or_default().into()
    } else {
        String::from_utf8_lossy(&told)
    };
    if matches!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE | StatusCode::UNPROCESSABLE_ENTITY) {
        parts.status = StatusCode::BAD_REQUEST;
    }
    let kind = if status == StatusCode::NOT_FOUND { FailureKind::InputNotFound } else { FailureKind::InvalidRequest };
    let mut answer = (parts.status, Json(json!({"kind": kind, "message": told}))).into_response();
    // `Allow`, say.
    for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH] {
        parts.headers.remove(name);
    }
    answer.headers_mut().extend(parts.headers);
    answer
}

/// A failure in the API's form.
struct Refused(Failure);

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self(failure)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response<Body> {
        let status = match self.0.kind() {
            FailureKind::InvalidRequest | FailureKind::InvalidInput => StatusCode::BAD_REQUEST,
            FailureKind::InputNotFound => StatusCode::NOT_FOUND,
            FailureKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            FailureKind::Temporary => StatusCode::SERVICE_UNAVAILABLE,
        };
        (status, Json(json!({"kind": self.0.kind(), "message": self.0.to_string()}))).into_response()
    }
}

/// Trades the token of the URL for a cookie.
async fn session(Shared(console): Desks, headers: HeaderMap) -> Response<Body> {
    match console.guard.knows_the_token(&headers) {
        Ok(()) => (StatusCode::NO_CONTENT, [(header::SET_COOKIE, console.guard.cookie())]).into_response(),
        Err(status) => status.into_response(),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct About {
    version: &'static str,
    inbox: String,
    is_running: bool,
}

async fn about(Shared(console): Desks) -> Json<About> {
    let inbox = console.desk.inbox().root().display().to_string();
    Json(About { version: env!("CARGO_PKG_VERSION"), inbox, is_running: console.is_running })
}

async fn uploads(Shared(console): Desks, Query(filter): Query<Filter>) -> Result<impl IntoResponse, Refused> {
    Ok(Json(console.desk.uploads(filter).await?))
}

async fn counts(Shared(console): Desks) -> Result<impl IntoResponse, Refused> {
    Ok(Json(console.desk.counts().await?))
}

async fn summary(Shared(console): Desks) -> Result<impl IntoResponse, Refused> {
    Ok(Json(summary::of(&console.desk).await?))
}

async fn upload(Shared(console): Desks, Path(key): Path<String>) -> Result<impl IntoResponse, Refused> {
    Ok(Json(console.desk.upload(key).await?))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Submission {
    processing_option: String,
}

async fn submit(
    Shared(console): Desks,
    Path(key): Path<String>,
    Json(asked): Json<Submission>,
) -> Result<impl IntoResponse, Refused> {
    let job_id = console.desk.submit(key, asked.processing_option).await?;
    Ok(Json(json!({"jobId": job_id})))
}

async fn cancel(Shared(console): Desks, Path(key): Path<String>) -> Result<impl IntoResponse, Refused> {
    Ok(Json(json!({"cancelled": console.desk.cancel(key).await?})))
}

async fn redrive(Shared(console): Desks, Path(key): Path<String>) -> Result<impl IntoResponse, Refused> {
    Ok(Json(json!({"redriven": console.desk.redrive(key).await?})))
}

async fn delete(Shared(console): Desks, Path(key): Path<String>) -> Result<impl IntoResponse, Refused> {
    Ok(Json(json!({"deleted": console.desk.delete(key).await?})))
}

async fn begin(Shared(console): Desks, Json(wanted): Json<Announcement>) -> Result<impl IntoResponse, Refused> {
    Ok(Json(console.transfers.begin(&wanted)?))
}

/// Where the bytes of a `PATCH` belong.
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");

async fn append(
    Shared(console): Desks,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<impl IntoResponse, Refused> {
    let offset = headers.get(OFFSET).and_then(|offset| offset.to_str().ok()).and_then(|offset| offset.parse().ok());
    let offset =
        offset.ok_or_else(|| Failure::invalid_request(format!("the header {OFFSET} is missing, or no number")))?;
    Ok(Json(console.transfers.append(&id, offset, body).await?))
}

/// Tells the page when it has to look again: the files under way with how far they are, and a number that is another one after
/// any change of the records.
async fn changes(Shared(console): Desks) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let records = console.desk.records();
    let events = stream::unfold((None, records, console), async |(mut before, records, console)| {
        loop {
            let seen = records.clone();
            let number = tokio::task::spawn_blocking(move || seen.changes()).await;
            let number = number.ok().and_then(Result::ok).unwrap_or_default();
            let now = json!({"number": number, "progress": console.watch.now()}).to_string();
            if before.as_ref() != Some(&now) {
                before = Some(now.clone());
                return Some((Ok(Event::default().data(now)), (before, records, console)));
            }
            tokio::time::sleep(LOOK).await;
        }
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

#[derive(Deserialize)]
struct Save {
    save: Option<String>,
}

async fn result_file(
    Shared(console): Desks,
    Path(key): Path<String>,
    Query(Save { save }): Query<Save>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Refused> {
    Ok(files::answer(&console.desk.result(&key)?, &headers, save.is_some())?)
}

async fn upload_file(
    Shared(console): Desks,
    Path(key): Path<String>,
    Query(Save { save }): Query<Save>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Refused> {
    Ok(files::answer(&console.desk.source(&key)?, &headers, save.is_some())?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use axum::body::to_bytes;
    use axum::http::Method;
    use catalog::Rules;
    use control::ports::Table as _;
    use control::{InputRecord, table};
    use control_local::{Configuration, Outbox, System};
    use serde_json::Value;
    use tower::ServiceExt as _;

    use super::*;

    const DESCRIPTION: &str = include_str!("../../../docs/api.yaml");

    /// A console over two folders.
    struct World {
        folder: tempfile::TempDir,
        router: Router,
        guard: Guard,
        desk: FolderDesk,
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let (inbox, outbox) = (folder.path().join("in"), folder.path().join("out"));
            fs_err::create_dir_all(&inbox).unwrap();
            let configuration = Configuration {
                jobs: &[],
                rules: Rules::default(),
                limits: sandbox::Limits::default(),
                workers: 1,
                watch: None,
            };
            let opened = Outbox::open(&inbox, &outbox).unwrap();
            drop(System::open(&inbox, &opened, configuration, Arc::new(Watch::default())).unwrap());
            let desk = FolderDesk::open(&outbox).unwrap();
            let guard = Guard::new(8080).unwrap();
            let router = router(desk.clone(), Watch::default(), guard.clone(), true);
            Self { folder, router, guard, desk }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        /// A request as the page makes it, with other headers in their place.
        async fn ask(&self, method: Method, url: &str, headers: &[(&str, &str)], body: Body) -> Response<Body> {
            let bearer = format!("Bearer {}", self.guard.token());
            let mut request = Request::builder().method(method).uri(url);
            let own = [("host", "127.0.0.1:8080"), ("authorization", bearer.as_str())];
            let is_given = |name: &str| headers.iter().any(|(given, _)| *given == name);
            for (name, value) in own.iter().filter(|(name, _)| !is_given(name)).chain(headers) {
                request = request.header(*name, *value);
            }
            self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap()
        }

        async fn get(&self, url: &str) -> (StatusCode, Value) {
            read(self.ask(Method::GET, url, &[], Body::empty()).await).await
        }

        async fn send(&self, method: Method, url: &str, body: &Value) -> (StatusCode, Value) {
            let headers = [("content-type", "application/json")];
            read(self.ask(method, url, &headers, Body::from(body.to_string())).await).await
        }

        /// Records of uploads, each a second after the one before.
        async fn record(&self, uploads: &[(String, &str, &str)]) {
            let records = self.desk.records();
            for (at, pack) in uploads.chunks(table::MAX_ITEMS).enumerate() {
                let puts: Vec<_> = pack.iter().enumerate().map(|(number, (key, kind, state))| {
                    let second = at * table::MAX_ITEMS + number;
                    let (day, hour) = (22 + second / 86_400, second / 3600 % 24);
                    let time = format!("2026-11-{day:02}T{hour:02}:{:02}:{:02}.000Z", second / 60 % 60, second % 60);
                    let refusal = (*state == "REJECTED")
                        .then(|| json!({"state": "REJECTED", "kind": "invalidRequest", "message": "width=0"}));
                    let mut item = json!({
                        "object": key, "jobId": format!("{second:024x}-1"), "kind": kind,
                        "source": {"key": key, "size": 5}, "timeline": {"uploadedAt": time, "classifiedAt": time, "queuedAt": time},
                    });
                    if let Some(refusal) = refusal {
                        item["refusal"] = refusal;
                    }
                    let record: InputRecord = serde_json::from_value(item).unwrap();
                    table::put(&record)
                }).collect();
                records.inputs.put(&puts).await;
            }
        }
    }

    async fn read(answer: Response<Body>) -> (StatusCode, Value) {
        let status = answer.status();
        let bytes = to_bytes(answer.into_body(), 64 << 20).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    /// Paths and methods of docs/api.yaml.
    fn described() -> BTreeSet<(String, Method)> {
        let mut found = BTreeSet::new();
        let mut path = String::new();
        for line in DESCRIPTION.lines().skip_while(|line| *line != "paths:").take_while(|line| *line != "components:") {
            if let Some(name) = line.strip_prefix("  /").and_then(|rest| rest.strip_suffix(':')) {
                path = format!("/{name}");
            }
            let method = line.strip_prefix("    ").and_then(|rest| rest.strip_suffix(':'));
            if let Some(method) = method.filter(|method| ["get", "post", "patch", "put", "delete"].contains(method)) {
                found.insert((path.clone(), method.to_uppercase().parse().unwrap()));
            }
        }
        found
    }

    #[tokio::test]
    async fn every_route_that_is_described_is_there_and_asks_for_the_token() {
        let world = World::new();
        let described = described();
        assert!(described.len() >= 13, "{described:?}");
        for (path, method) in described {
            let url = path.replace("{key}", "a%20b/c.jpg").replace("{id}", "0123");
            let without = world.ask(method.clone(), &url, &[("authorization", "none")], Body::empty()).await.status();
            assert_eq!(without, StatusCode::UNAUTHORIZED, "{method} {path}");
            let answer = world.ask(method.clone(), &url, &[], Body::empty()).await;
            let is_routed = answer.status() != StatusCode::METHOD_NOT_ALLOWED
                && (answer.status() != StatusCode::NOT_FOUND || !read(answer).await.1["message"].is_null());
            assert!(is_routed, "{method} {path}");
        }
        let elsewhere = world.ask(Method::GET, "/api/nothing", &[], Body::empty()).await.status();
        assert_eq!(elsewhere, StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn other_sites_and_other_names_get_nothing_and_every_answer_is_closed() {
        let world = World::new();
        let status = async |method: Method, url: &str, headers: &[(&str, &str)]| {
            world.ask(method, url, headers, Body::empty()).await.status()
        };
        let rebound = [("host", "evil.example:8080")];
        assert_eq!(status(Method::GET, "/api/about", &rebound).await, StatusCode::MISDIRECTED_REQUEST);
        assert_eq!(status(Method::GET, "/", &rebound).await, StatusCode::MISDIRECTED_REQUEST);
        for header in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
            assert_eq!(status(Method::POST, "/api/cancel/a.jpg", &[header]).await, StatusCode::FORBIDDEN, "{header:?}");
        }
        for url in ["/", "/app.js", "/api/about", "/api/nothing", "/files/results/a"] {
            let answer = world.ask(Method::GET, url, &[], Body::empty()).await;
            let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
            assert!(header("content-security-policy").contains("frame-ancestors 'none'"), "{url}");
            assert_eq!(
                (header("referrer-policy"), header("x-content-type-options")),
                ("no-referrer".into(), "nosniff".into())
            );
        }
        let session = world.ask(Method::POST, "/api/session", &[], Body::empty()).await;
        let cookie = session.headers()[header::SET_COOKIE].to_str().unwrap().to_owned();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
        let pair = cookie.split(';').next().unwrap();
        assert_eq!(status(Method::GET, "/api/about", &[("authorization", ""), ("cookie", pair)]).await, StatusCode::OK);
    }

    #[tokio::test]
    async fn pages_have_every_upload_once_and_filters_fit() {
        let world = World::new();
        let uploads: Vec<_> = (0..250)
            .map(|number| {
                let kind = if number % 5 == 0 { "video" } else { "image" };
                let state = if number % 10 == 0 { "REJECTED" } else { "QUEUED" };
                (format!("photos/ü {number}.jpg"), kind, state)
            })
            .collect();
        world.record(&uploads).await;

        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let query = percent_encoding::utf8_percent_encode(&after, percent_encoding::NON_ALPHANUMERIC);
            let after_this = if after.is_empty() { String::new() } else { format!("&after={query}") };
            let (status, page) = world.get(&format!("/api/uploads?limit=60{after_this}")).await;
            assert_eq!(status, StatusCode::OK, "{page}");
            seen.extend(
                page["uploads"].as_array().unwrap().iter().map(|each| each["object"].as_str().unwrap().to_owned()),
            );
            match page["next"].as_str() {
                Some(next) => next.clone_into(&mut after),
                None => break,
            }
        }
        let expected: Vec<_> = uploads.iter().rev().map(|(key, _, _)| key.clone()).collect();
        assert_eq!(seen, expected, "the last first");

        let count = async |query: &str| {
            let (status, page) = world.get(&format!("/api/uploads?limit=1000&{query}")).await;
            assert_eq!(status, StatusCode::OK, "{query}: {page}");
            page["uploads"].as_array().unwrap().len()
        };
        let (_, rejected) = world.get("/api/uploads?state=REJECTED&limit=1").await;
        assert_eq!(rejected["uploads"][0]["causes"], json!(["width=0"]), "{rejected}");
        assert_eq!(count("state=REJECTED").await, 25);
        assert_eq!(count("kind=video").await, 50);
        assert_eq!(count("kind=video&state=QUEUED").await, 25);
        assert_eq!(count("text=%C3%BC%2024").await, 11);
        assert_eq!((count("day=2026-11-22").await, count("day=2026-11-23").await), (250, 0));
        for query in ["limit=0", "limit=1001", "after=x", "state=DONE", "nothing=1", "day=", "day=2026-11-31"] {
            assert_eq!(world.get(&format!("/api/uploads?{query}")).await.0, StatusCode::BAD_REQUEST, "{query}");
        }
        let (_, counts) = world.get("/api/counts").await;
        assert!(
            counts.as_array().unwrap().contains(&json!({"state": "REJECTED", "day": "2026-11-22", "count": 25})),
            "{counts}"
        );

        let (status, upload) = world.get("/api/upload/photos/%C3%BC%2010.jpg").await;
        assert_eq!((status, upload[0]["record"]["state"].as_str()), (StatusCode::OK, Some("REJECTED")), "{upload}");
        assert_eq!(upload[0]["explanation"]["cause"], json!(["width=0"]));
        assert_eq!(upload[0]["hasSource"], false);
        assert_eq!(world.get("/api/upload/nobody.jpg").await.0, StatusCode::NOT_FOUND);
        assert_eq!(
            world.send(Method::POST, "/api/cancel/photos/%C3%BC%2011.jpg", &Value::Null).await.1,
            json!({"cancelled": 1})
        );
        assert_eq!(count("state=CANCELLED").await, 1);
    }

    #[tokio::test]
    async fn an_upload_arrives_in_the_inbox_and_results_are_served_in_ranges_and_never_run() {
        let world = World::new();
        let wanted = json!({"key": "a/b.txt", "size": 6, "processingOption": "text"});
        let (status, begun) = world.send(Method::POST, "/api/transfers", &wanted).await;
        assert_eq!((status, &begun["offset"]), (StatusCode::OK, &json!(0)), "{begun}");
        let url = format!("/api/transfers/{}", begun["id"].as_str().unwrap());
        let patch = async |offset: &str, bytes: &'static str| {
            read(world.ask(Method::PATCH, &url, &[("upload-offset", offset)], Body::from(bytes)).await).await
        };
        assert_eq!(patch("0", "abc").await.1["offset"], 3);
        assert_eq!(patch("0", "abc").await.0, StatusCode::BAD_REQUEST);
        assert_eq!(patch("three", "").await.0, StatusCode::BAD_REQUEST);
        assert_eq!(world.send(Method::POST, "/api/transfers", &wanted).await.1["offset"], 3);
        assert_eq!(patch("3", "def").await.1["isComplete"], true);
        assert_eq!(fs_err::read_to_string(world.path("in/a/b.txt")).unwrap(), "abcdef");
        let bad = json!({"key": "../b.txt", "size": 6});
        assert_eq!(world.send(Method::POST, "/api/transfers", &bad).await.0, StatusCode::BAD_REQUEST);

        fs_err::create_dir_all(world.path("out/x.svg/convert")).unwrap();
        fs_err::write(world.path("out/x.svg/convert/x.svg"), "<svg onload='alert(1)'/>").unwrap();
        let result = world.ask(Method::GET, "/files/results/x.svg/convert/x.svg", &[], Body::empty()).await;
        assert_eq!(result.headers()[header::CONTENT_TYPE], "application/octet-stream");
        assert!(result.headers()[header::CONTENT_DISPOSITION].to_str().unwrap().starts_with("attachment"));
        assert!(result.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("sandbox"));
        let part = world.ask(Method::GET, "/files/uploads/a/b.txt", &[("range", "bytes=1-2")], Body::empty()).await;
        assert_eq!(
            (part.status(), part.headers()[header::CONTENT_RANGE].to_str().unwrap()),
            (StatusCode::PARTIAL_CONTENT, "bytes 1-2/6")
        );
        assert_eq!(to_bytes(part.into_body(), 99).await.unwrap(), "bc");
        for key in [".pipeline/records.sqlite", "..%2Fin%2Fa%2Fb.txt", "%2Fetc%2Fpasswd", "x.svg"] {
            let status = world.get(&format!("/files/results/{key}")).await.0;
            assert_eq!(status, StatusCode::NOT_FOUND, "{key}");
        }

        let (status, queued) =
            world.send(Method::POST, "/api/submit/a/b.txt", &json!({"processingOption": "text"})).await;
        assert_eq!(status, StatusCode::OK, "{queued}");
        let (status, refused) =
            world.send(Method::POST, "/api/submit/a/b.txt", &json!({"processingOption": "resize"})).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{refused}");
        assert!(refused["message"].as_str().unwrap().contains("resize"), "{refused}");
    }

    #[tokio::test]
    async fn a_deleted_upload_is_gone_with_everything_that_was_made_of_it() {
        let world = World::new();
        let (file, result) = ("in/a/b.txt", "a/b.txt/text/text.txt");
        for path in [file, "in/a/b.txt.processing-option", "in/a/c.txt", &format!("out/{result}")] {
            fs_err::create_dir_all(world.path(path).parent().unwrap()).unwrap();
            fs_err::write(world.path(path), "x").unwrap();
        }
        world
            .record(&[("a/b.txt".to_owned(), "document", "QUEUED"), ("a/c.txt".to_owned(), "document", "QUEUED")])
            .await;
        let job_id = world.get("/api/upload/a/b.txt").await.1[0]["record"]["jobId"].clone();
        let made = json!({"at": "2026-11-22T00:00:02.000Z", "jobId": job_id, "source": {"key": "a/b.txt", "size": 1},
            "operation": "text", "processingOption": "text", "contentType": "text/plain", "manifestKey": "m",
            "processDuration": {"total": 3, "fetch": 1, "process": 1, "store": 1}});
        let output: control::OutputRecord =
            serde_json::from_value(json!({"object": result, "key": result, "made": made})).unwrap();
        world.desk.records().outputs.put(&[table::put(&output)]).await;
        assert_eq!(world.get("/api/upload/a/b.txt").await.1[0]["outputs"].as_array().unwrap().len(), 1);

        let delete = async |key: &str| world.send(Method::DELETE, &format!("/api/upload/{key}"), &Value::Null).await;
        assert_eq!(delete("a/b.txt").await, (StatusCode::OK, json!({"deleted": 1})));
        for path in [file, "in/a/b.txt.processing-option", "out/a/b.txt"] {
            assert!(!world.path(path).exists(), "{path}");
        }
        assert!(world.path("in/a/c.txt").exists());
        assert_eq!(world.get("/api/upload/a/b.txt").await.0, StatusCode::NOT_FOUND);
        let listed = world.get("/api/uploads").await.1;
        assert_eq!(listed["uploads"].as_array().unwrap().len(), 1, "{listed}");
        assert_eq!(listed["uploads"][0]["object"], "a/c.txt");
        for key in ["nobody.txt", "..%2Fout%2F.pipeline%2Frecords.sqlite", ".pipeline/records.sqlite"] {
            assert_eq!(delete(key).await.0, StatusCode::NOT_FOUND, "{key}");
        }
        assert!(world.path("out/.pipeline/records.sqlite").exists());
    }

    #[tokio::test]
    async fn the_summary_tells_why_uploads_failed() {
        let world = World::new();
        let uploads: Vec<_> = (0..30).map(|number| (format!("{number}.jpg"), "image", "REJECTED")).collect();
        world.record(&uploads).await;
        let (status, summary) = world.get("/api/summary").await;
        assert_eq!((status, summary["of"].as_u64(), &summary["cost"]), (StatusCode::OK, Some(30), &Value::Null));
        let expected = json!([{"state": "REJECTED", "reason": "width=…", "count": 30, "example": "29.jpg"}]);
        assert_eq!(summary["failures"], expected);
        assert_eq!(summary["kinds"][0]["count"], 30);
    }

    #[tokio::test]
    async fn what_the_server_refuses_is_told_as_the_api_does() {
        let world = World::new();
        let text = [("content-type", "text/plain")];
        let told = |answer: (StatusCode, Value)| (answer.0, answer.1["kind"].as_str().map(str::to_owned));
        let invalid = Some("invalidRequest".to_owned());
        let not_json = world.ask(Method::POST, "/api/transfers", &text, Body::from("x")).await;
        assert_eq!(told(read(not_json).await), (StatusCode::BAD_REQUEST, invalid.clone()));
        assert_eq!(
            told(world.send(Method::POST, "/api/transfers", &json!({"size": 1})).await),
            (StatusCode::BAD_REQUEST, invalid.clone())
        );
        assert_eq!(told(world.get("/api/uploads?nothing=1").await), (StatusCode::BAD_REQUEST, invalid.clone()));
        assert_eq!(told(world.get("/api/nothing").await), (StatusCode::NOT_FOUND, Some("inputNotFound".to_owned())));
        let other = world.ask(Method::PUT, "/api/counts", &[], Body::empty()).await;
        assert_eq!(other.headers()[header::ALLOW], "GET,HEAD");
        assert_eq!(told(read(other).await), (StatusCode::METHOD_NOT_ALLOWED, invalid));
    }

    /// The measure of the list; docs/benchmarks.md has what was found.
    mod by_hand {
        use super::*;

        #[expect(clippy::print_stdout, reason = "what is measured is for whoever runs it")]
        #[tokio::test]
        #[ignore = "writes 100,000 records for some minutes"]
        async fn a_list_of_100_000_uploads_is_paged_and_filtered_at_once() {
            let world = World::new();
            let uploads: Vec<_> = (0..100_000)
                .map(|number| {
                    let kind = ["image", "document", "video", "model"][number % 4];
                    let state = if number % 50 == 0 { "REJECTED" } else { "QUEUED" };
                    (format!("campaign-{}/photo {number}.jpg", number / 1000), kind, state)
                })
                .collect();
            world.record(&uploads).await;
            for (name, url, most) in [
                ("first page", "/api/uploads", 100),
                ("a state", "/api/uploads?state=REJECTED", 200),
                ("a kind", "/api/uploads?kind=model", 200),
                ("a text of many", "/api/uploads?text=photo", 200),
                ("a text of one", "/api/uploads?text=photo%2077777", 200),
                ("a text of none", "/api/uploads?text=nobody", 200),
                ("a kind and a text of few", "/api/uploads?kind=video&text=photo%20123", 200),
                ("counts", "/api/counts", 200),
                ("summary", "/api/summary", 1000),
            ] {
                let mut times = Vec::new();
                for _ in 0..5 {
                    let begun = std::time::Instant::now();
                    assert_eq!(world.get(url).await.0, StatusCode::OK, "{url}");
                    times.push(begun.elapsed().as_millis());
                }
                times.sort_unstable();
                println!("{name}: {times:?} ms");
                assert!(times[2] <= most, "{name}: {times:?} ms are more than {most}");
            }
        }
    }

    #[tokio::test]
    async fn a_change_is_told() {
        use futures::StreamExt as _;
        let world = World::new();
        let answer = world.ask(Method::GET, "/api/changes", &[], Body::empty()).await;
        let mut events = answer.into_body().into_data_stream();
        let mut next = async || String::from_utf8(events.next().await.unwrap().unwrap().to_vec()).unwrap();
        let first = next().await;
        assert!(first.starts_with("data: {\"number\":"), "{first}");
        world.record(&[("a.jpg".to_owned(), "image", "QUEUED")]).await;
        assert_ne!(next().await, first);
    }
}
