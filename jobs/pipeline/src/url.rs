//! `pipeline url`: where results can be read, signed where that is needed.

#[cfg(feature = "aws")]
use std::fmt::Write as _;

use contract::Failure;

use crate::cli::UrlArguments;
use crate::place;

/// `pipeline url`: prints the URLs of a result, of a folder of them, or of everything that was made from an upload.
pub(crate) fn url(arguments: &UrlArguments) -> Result<(), Failure> {
    place::block_on(Box::pin(aws::url(arguments)))
}

/// What `--expires-in` says, in seconds.
pub(crate) fn seconds(text: &str) -> Result<i64, String> {
    let units = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400)];
    let wrong = || format!("{text:?} is not a time such as 90m, 12h or 7d");
    let (unit, seconds) = units.into_iter().find(|(unit, _)| text.ends_with(*unit)).ok_or_else(wrong)?;
    let number: i64 = text.trim_end_matches(unit).parse().map_err(|_| wrong())?;
    let total = number.checked_mul(seconds).filter(|total| (1..=366 * 86_400).contains(total));
    total.ok_or_else(|| format!("{text:?} is not allowed; allowed: 1s to 366d"))
}

/// A place where something can be read.
#[cfg(feature = "aws")]
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Readable {
    /// With its signature, where it needs one.
    url: String,
    /// The result's key, or its folder's.
    key: String,
    /// When the signature expires, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// `Set-Cookie` headers that make the folder readable.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<String>,
}

#[cfg(feature = "aws")]
impl Readable {
    fn human(&self) -> String {
        let mut text = self.url.clone();
        for cookie in &self.cookies {
            let _ = write!(text, "\nSet-Cookie: {cookie}");
        }
        text
    }
}

/// Whether it names other results, which a player requests without the query of its own URL.
#[cfg(feature = "aws")]
fn is_playlist(key: &str) -> bool {
    [".m3u8", ".mpd"].iter().any(|ending| key.ends_with(ending))
}

#[cfg(feature = "aws")]
mod aws {
    use contract::{Failure, Source, timestamp};
    use control::delivery::Delivery;
    use control::environment::{Environment, Variable};
    use operator::Signer;
    use runner::OutputFormat;
    use time::OffsetDateTime;

    use super::{Readable, is_playlist};
    use crate::cli::UrlArguments;
    use crate::place;
    use crate::table::print;

    pub(super) async fn url(arguments: &UrlArguments) -> Result<(), Failure> {
        let environment = Environment::read(&variables())?;
        let delivery = Delivery::read(&environment).ok_or_else(|| {
            Failure::invalid_request("this system delivers no results; delivery.enabled in Terraform turns it on")
        })?;
        let aws = place::Aws::load().await?;
        let source = place::object_or_folder(&arguments.object)?;
        let keys = keys(&aws, &source, environment.get("S3_OUTPUT")).await?;
        let signer = if keys.iter().any(|key| delivery.needs_signature(key)) {
            Some(signer(&aws, arguments).await?)
        } else {
            None
        };
        let expires_at = OffsetDateTime::now_utc().unix_timestamp() + arguments.expires_in;
        let sign = Sign { delivery: &delivery, signer: signer.as_ref(), expires_at };
        for key in keys {
            let readable = if arguments.cookies || key.ends_with('/') { sign.folder(&key)? } else { sign.one(&key)? };
            if is_playlist(&key) && readable.expires_at.is_some() && !arguments.cookies {
                runner::terminal::warn(&format!(
                    "{key} names other results, for which a player needs cookies: add --cookies"
                ));
            }
            print(&match arguments.output_format {
                OutputFormat::Json => serde_json::json!(readable).to_string(),
                OutputFormat::Human => readable.human(),
            });
        }
        Ok(())
    }

    /// The results that an object is or that were made from it, by key.
    async fn keys(aws: &place::Aws, source: &Source, results: &str) -> Result<Vec<String>, Failure> {
        let name = || control::input_record::object_of(source);
        if source.bucket.as_deref() != Some(results) {
            let uploads = operator::upload(&aws.inputs()?, &aws.outputs()?, source).await?;
            // What a later upload has written over belongs to that one.
            let outputs = uploads.into_iter().find(|upload| !upload.outputs.is_empty());
            let outputs = outputs.ok_or_else(|| {
                let name = name();
                Failure::input_not_found(format!("{name} has no results; pipeline explain {name} says why"))
            })?;
            return Ok(outputs.outputs.into_iter().map(|record| record.key).collect());
        }
        if !source.key.ends_with('/') && operator::output(&aws.outputs()?, results, &source.key).await?.is_none() {
            return Err(Failure::input_not_found(format!("{} is not a result that is recorded", name())));
        }
        Ok(vec![source.key.clone()])
    }

    async fn signer(aws: &place::Aws, arguments: &UrlArguments) -> Result<Signer, Failure> {
        let missing = |what: &str| {
            Failure::invalid_request(format!("results are private: {what}; docs/deploy.md, \"Delivering results\""))
        };
        let id = given(arguments.key_id.as_ref())
            .ok_or_else(|| missing("--key-id or CLOUDFRONT_KEY_ID must name the key by which CloudFront knows it"))?;
        let key = given(arguments.key.as_ref())
            .ok_or_else(|| missing("--key or CLOUDFRONT_SIGNING_KEY must name the private key that signs"))?;
        let pem = if key.starts_with("arn:") { aws.secret(key).await?.into_bytes() } else { fs_err::read(key)? };
        Signer::new(&pem, id).map_err(|failure| failure.context(key))
    }

    /// A variable of the environment may be set and empty.
    fn given(text: Option<&String>) -> Option<&String> {
        text.filter(|text| !text.is_empty())
    }

    struct Sign<'a> {
        delivery: &'a Delivery,
        signer: Option<&'a Signer>,
        expires_at: i64,
    }

    impl Sign<'_> {
        fn expires_text(&self) -> Option<String> {
            self.expires_at.checked_mul(1000).and_then(timestamp::text_of_milliseconds)
        }

        fn one(&self, key: &str) -> Result<Readable, Failure> {
            let plain = self.delivery.url(key);
            let signer = self.signer.filter(|_| self.delivery.needs_signature(key));
            let url = signer.map(|signer| signer.url(&plain, self.expires_at)).transpose()?;
            let expires_at = url.as_ref().and_then(|_| self.expires_text());
            Ok(Readable { url: url.unwrap_or(plain), key: key.to_owned(), expires_at, cookies: Vec::new() })
        }

        /// The folder of a result, or a folder that was named.
        fn folder(&self, key: &str) -> Result<Readable, Failure> {
            let (url, readable) = (self.delivery.url(key), key.to_owned());
            let Some(signer) = self.signer.filter(|_| self.delivery.needs_signature(key)) else {
                return Ok(Readable { url, key: readable, expires_at: None, cookies: Vec::new() });
            };
            let folder = key.rsplit_once('/').map_or("", |(folder, _)| folder);
            let folder = self.delivery.url(&format!("{folder}/"));
            let cookies = signer.cookies(&format!("{folder}*"), self.expires_at)?;
            let host = format!("https://{}", self.delivery.domain);
            let path = folder.strip_prefix(&host).unwrap_or("/");
            let header = |cookie: operator::Cookie| {
                format!(
                    "{}={}; Domain={}; Path={path}; Secure; HttpOnly",
                    cookie.name, cookie.value, self.delivery.domain
                )
            };
            let cookies = cookies.into_iter().map(header).collect();
            Ok(Readable { url, key: readable, expires_at: self.expires_text(), cookies })
        }
    }

    fn variables() -> Vec<Variable> {
        vec![
            Variable::required("S3_OUTPUT", "bucket of the results; `terraform output -raw environment` prints it"),
            Variable::optional("CLOUDFRONT_DOMAIN", "", "domain of the distribution over S3_OUTPUT"),
            Variable::optional("CLOUDFRONT_PUBLIC_PATHS", "", "patterns of its paths that need no signature"),
        ]
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn delivery() -> Delivery {
            Delivery { domain: "d.cloudfront.net".to_owned(), public_paths: vec!["*/resize/*".to_owned()] }
        }

        fn signer() -> Signer {
            Signer::new(include_bytes!("../../../crates/operator/tests/fixtures/signer_pkcs8.pem"), "K1").unwrap()
        }

        #[test]
        fn only_what_needs_a_signature_has_one() {
            let (delivery, signer) = (delivery(), signer());
            let sign = Sign { delivery: &delivery, signer: Some(&signer), expires_at: 1_767_290_400 };
            let public = sign.one("a b.jpg/resize/photo.webp").unwrap();
            assert_eq!(
                (public.url.as_str(), public.expires_at),
                ("https://d.cloudfront.net/a%20b.jpg/resize/photo.webp", None)
            );
            let private = sign.one("a.jpg/text/text.md").unwrap();
            assert!(
                private.url.starts_with("https://d.cloudfront.net/a.jpg/text/text.md?Expires=1767290400&Signature=")
            );
            assert_eq!(private.expires_at.as_deref(), Some("2026-01-01T18:00:00.000Z"));
        }

        #[test]
        fn cookies_are_for_the_folder_of_a_playlist_and_nothing_above_it() {
            let (delivery, signer) = (delivery(), signer());
            let sign = Sign { delivery: &delivery, signer: Some(&signer), expires_at: 1_767_290_400 };
            let folder = sign.folder("my film.mp4/transcode/master.m3u8").unwrap();
            assert_eq!(folder.url, "https://d.cloudfront.net/my%20film.mp4/transcode/master.m3u8");
            assert_eq!(folder.cookies.len(), 4);
            for cookie in &folder.cookies {
                assert!(
                    cookie.ends_with("; Domain=d.cloudfront.net; Path=/my%20film.mp4/transcode/; Secure; HttpOnly"),
                    "{cookie}"
                );
            }
            let named = sign.folder("my film.mp4/transcode/").unwrap();
            assert_eq!(named.cookies, folder.cookies);
            assert!(sign.folder("a.jpg/resize/photo.webp").unwrap().cookies.is_empty(), "it is public");
            assert!(folder.human().lines().skip(1).all(|line| line.starts_with("Set-Cookie: CloudFront-")));
        }
    }
}

#[cfg(not(feature = "aws"))]
mod aws {
    use contract::Failure;

    use crate::cli::UrlArguments;
    use crate::place::without_aws;

    #[expect(clippy::unused_async, reason = "as with AWS")]
    pub(super) async fn url(_: &UrlArguments) -> Result<(), Failure> {
        Err(without_aws())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit_and_bounds() {
        assert_eq!((seconds("90m"), seconds("7d"), seconds("1s")), (Ok(5400), Ok(604_800), Ok(1)));
        for wrong in ["", "90", "m", "-1h", "0s", "367d", "1.5h", "99999999999999999999d", "ä"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
