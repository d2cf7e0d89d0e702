//! Who may ask, and what a browser may do with the answer.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use contract::Failure;

/// The name of the cookie, before the port: cookies know hosts and not ports.
const COOKIE: &str = "pipeline-console";

/// The secret of one server, and where it listens.
#[derive(Clone)]
pub(crate) struct Guard {
    token: String,
    port: u16,
}

impl Guard {
    /// A new secret.
    pub(crate) fn new(port: u16) -> Result<Self, Failure> {
        let mut bytes = [0; 24];
        getrandom::fill(&mut bytes)
            .map_err(|error| Failure::internal("the system has no random numbers").because(error))?;
        let token = bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        Ok(Self { token, port })
    }

    /// For the URL that is printed: behind `#`, which browsers send to no server.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    fn cookie_name(&self) -> String {
        format!("{COOKIE}-{}", self.port)
    }

    /// The cookie for the page, out of reach of scripts and of other sites.
    pub(crate) fn cookie(&self) -> String {
        format!("{}={}; Path=/; HttpOnly; SameSite=Strict", self.cookie_name(), self.token)
    }

    /// Refuses requests that name another host: a page of another site whose name was made to lead to this machine.
    pub(crate) fn names_this_host(&self, headers: &HeaderMap, uri: &Uri) -> Result<(), StatusCode> {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.or_else(|| uri.authority().map(axum::http::uri::Authority::as_str));
        host.is_some_and(|host| self.is_this_host(host)).then_some(()).ok_or(StatusCode::MISDIRECTED_REQUEST)
    }

    fn is_this_host(&self, host: &str) -> bool {
        let Some((name, port)) = host.rsplit_once(':') else { return false };
        let name = name.trim_start_matches('[').trim_end_matches(']');
        let is_loopback = name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        is_loopback && port.parse() == Ok(self.port)
    }

    /// Refuses requests without the secret.
    pub(crate) fn knows_the_token(&self, headers: &HeaderMap) -> Result<(), StatusCode> {
        let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer = bearer.and_then(|value| value.strip_prefix("Bearer "));
        let name = self.cookie_name();
        let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
        let mut cookie = cookies.flat_map(|value| value.split("; ")).filter_map(|pair| pair.split_once('='));
        let is_known = bearer.is_some_and(|given| is_equal(given, &self.token))
            || cookie.any(|(given, value)| given == name && is_equal(value, &self.token));
        is_known.then_some(()).ok_or(StatusCode::UNAUTHORIZED)
    }

    /// Refuses changes that another site asks for, for all that it may have the cookie sent along.
    pub(crate) fn comes_from_the_page(&self, method: &Method, headers: &HeaderMap) -> Result<(), StatusCode> {
        if matches!(*method, Method::GET | Method::HEAD) {
            return Ok(());
        }
        let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        let origin = text(header::ORIGIN)
            .is_none_or(|origin| origin.strip_prefix("http://").is_some_and(|host| self.is_this_host(host)));
        let site =
            text(HeaderName::from_static("sec-fetch-site")).is_none_or(|site| matches!(site, "same-origin" | "none"));
        (origin && site).then_some(()).ok_or(StatusCode::FORBIDDEN)
    }
}

/// Whether two texts are equal, in a time that does not tell where they differ.
fn is_equal(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.bytes().zip(other.bytes()).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

/// What the page itself may load: its own files, and the results, as pictures and clips. Viewers decode in WebAssembly, which is no
/// script that could be slipped in, in workers that they make of their own files, and hand textures around as blobs; the one style
/// sheet in their markup is allowed by its digest, which a test compares.
pub(crate) const OF_THE_PAGE: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; \
                           style-src 'self' 'sha256-PXtZZkJMMyc18o/DN1ZEFOJ2qEGq95IQbVaJFMOXOb0='; \
                           img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self' blob:; worker-src 'self' blob:; \
                           font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What a result may do when it is opened by itself: nothing.
const OF_A_FILE: &str = "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; frame-ancestors 'none'";

/// Adds to every answer what keeps it to this page.
pub(crate) fn protect(headers: &mut HeaderMap, is_file: bool) {
    let policy = if is_file { OF_A_FILE } else { OF_THE_PAGE };
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        Guard::new(8080).unwrap()
    }

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_names_of_this_machine_are_answered() {
        let guard = guard();
        for host in ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "127.0.0.2:8080"] {
            assert!(guard.is_this_host(host), "{host}");
        }
        for host in
            ["evil.example:8080", "127.0.0.1:81", "127.0.0.1", "127.0.0.1.evil.example:8080", "10.0.0.1:8080", ":8080"]
        {
            assert!(!guard.is_this_host(host), "{host}");
        }
        assert!(guard.names_this_host(&HeaderMap::new(), &Uri::from_static("/")).is_err());
    }

    #[test]
    fn the_token_comes_by_header_or_cookie() {
        let (guard, other) = (guard(), guard());
        let bearer = |token: &str| headers(&[(header::AUTHORIZATION, &format!("Bearer {token}"))]);
        assert!(guard.knows_the_token(&bearer(guard.token())).is_ok());
        assert!(guard.knows_the_token(&bearer(other.token())).is_err());
        assert!(guard.knows_the_token(&bearer("")).is_err() && guard.knows_the_token(&HeaderMap::new()).is_err());
        let cookie = |text: &str| headers(&[(header::COOKIE, text)]);
        let own = guard.cookie();
        let own = own.split(';').next().unwrap();
        assert!(guard.knows_the_token(&cookie(&format!("a=b; {own}"))).is_ok());
        assert!(guard.knows_the_token(&cookie(&format!("pipeline-console-8081={}", guard.token()))).is_err());
    }

    #[test]
    fn no_other_site_changes_anything() {
        let guard = guard();
        let site = HeaderName::from_static("sec-fetch-site");
        let asks = |pairs: &[(HeaderName, &str)]| guard.comes_from_the_page(&Method::POST, &headers(pairs)).is_ok();
        assert!(asks(&[]) && asks(&[(header::ORIGIN, "http://127.0.0.1:8080"), (site.clone(), "same-origin")]));
        assert!(!asks(&[(header::ORIGIN, "https://evil.example")]) && !asks(&[(header::ORIGIN, "null")]));
        assert!(!asks(&[(site.clone(), "cross-site")]) && !asks(&[(site, "same-site")]));
    }
}
