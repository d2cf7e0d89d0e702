//! Signed URLs and signed cookies of CloudFront (Developer Guide, "Serve private content with signed URLs and signed cookies").
//!
//! Signatures are over SHA-256, which the requests say (`Hash-Algorithm=SHA256`): CloudFront assumes SHA-1 without it, which *ring*,
//! the library that this project speaks TLS with, does not sign with. The crates of CloudFront signatures are over `rsa`, whose
//! private operations have an unmended timing leak (RUSTSEC-2023-0071).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use contract::Failure;
use ring::rand::SystemRandom;
use ring::signature::{self, EcdsaKeyPair, RsaKeyPair};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::json;

/// Signs for a distribution.
pub struct Signer {
    key: Key,
    id: String,
    random: SystemRandom,
}

enum Key {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
}

/// A cookie of CloudFront.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: String,
}

impl Signer {
    /// Signs with a private key in PEM, RSA of 2048 bits or ECDSA over P-256, of which CloudFront has the public key by `id`.
    pub fn new(pem: &[u8], id: &str) -> Result<Self, Failure> {
        let not_a_key =
            |why: String| Failure::invalid_request(format!("the signing key is not a valid private key: {why}"));
        let random = SystemRandom::new();
        let der = PrivateKeyDer::from_pem_slice(pem).map_err(|error| not_a_key(error.to_string()))?;
        let key = match &der {
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()).map(Key::Rsa),
            PrivateKeyDer::Pkcs8(der) => {
                let der = der.secret_pkcs8_der();
                RsaKeyPair::from_pkcs8(der).map(Key::Rsa).or_else(|_| {
                    EcdsaKeyPair::from_pkcs8(&signature::ECDSA_P256_SHA256_ASN1_SIGNING, der, &random).map(Key::Ecdsa)
                })
            }
            _ => {
                return Err(not_a_key(
                    "it is in the form of SEC 1; convert it with: openssl pkcs8 -topk8 -nodes -in KEY -out KEY.pk8"
                        .to_owned(),
                ));
            }
        };
        let key =
            key.map_err(|error| not_a_key(format!("{error}; RSA of 2048 bits and ECDSA over P-256 are allowed")))?;
        Ok(Self { key, id: id.to_owned(), random })
    }

    /// A URL that everybody who has it may read until a time, seconds since 1970.
    pub fn url(&self, url: &str, expires_at: i64) -> Result<String, Failure> {
        let signature = encoded(&self.sign(policy(url, expires_at).as_bytes())?);
        let separator = if url.contains('?') { '&' } else { '?' };
        let id = &self.id;
        Ok(format!("{url}{separator}Expires={expires_at}&Signature={signature}&Key-Pair-Id={id}&Hash-Algorithm=SHA256"))
    }

    /// Cookies with which every URL that a pattern fits may be read until a time, seconds since 1970.
    pub fn cookies(&self, pattern: &str, expires_at: i64) -> Result<[Cookie; 4], Failure> {
        let policy = policy(pattern, expires_at);
        let signature = encoded(&self.sign(policy.as_bytes())?);
        let cookie = |name, value| Cookie { name, value };
        Ok([
            cookie("CloudFront-Policy", encoded(policy.as_bytes())),
            cookie("CloudFront-Signature", signature),
            cookie("CloudFront-Key-Pair-Id", self.id.clone()),
            cookie("CloudFront-Hash-Algorithm", "SHA256".to_owned()),
        ])
    }

    fn sign(&self, text: &[u8]) -> Result<Vec<u8>, Failure> {
        let failed = |_| Failure::internal("failed to sign");
        match &self.key {
            Key::Rsa(key) => {
                let mut bytes = vec![0; key.public().modulus_len()];
                key.sign(&signature::RSA_PKCS1_SHA256, &self.random, text, &mut bytes).map_err(failed)?;
                Ok(bytes)
            }
            Key::Ecdsa(key) => Ok(key.sign(&self.random, text).map_err(failed)?.as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Signer").field("id", &self.id).field("key", &"REDACTED").finish_non_exhaustive()
    }
}

/// What is signed. CloudFront makes the same text of a URL and its `Expires` again, so that every character counts: no spaces, and
/// the names in this order (Developer Guide, "Create a signed URL using a canned policy").
fn policy(resource: &str, expires_at: i64) -> String {
    let condition = json!({"DateLessThan": {"AWS:EpochTime": expires_at}});
    json!({"Statement": [{"Resource": resource, "Condition": condition}]}).to_string()
}

/// Base64 with characters that a URL and a cookie may have, as CloudFront wants it.
fn encoded(bytes: &[u8]) -> String {
    let mut text = STANDARD.encode(bytes);
    for (from, to) in [("+", "-"), ("=", "_"), ("/", "~")] {
        text = text.replace(from, to);
    }
    text
}

#[cfg(test)]
mod tests {
    use ring::signature::{KeyPair as _, UnparsedPublicKey};

    use super::*;

    const URL: &str = "https://d111111abcdef8.cloudfront.net/a%20b.jpg/resize/photo.webp";
    const EXPIRES_AT: i64 = 1_767_290_400;

    fn decoded(text: &str) -> Vec<u8> {
        STANDARD.decode(text.replace('-', "+").replace('_', "=").replace('~', "/")).expect("base64")
    }

    fn parameter(url: &str, name: &str) -> String {
        let (_, query) = url.split_once('?').expect("a query");
        let values = query.split('&').filter_map(|pair| pair.split_once('='));
        values.into_iter().find(|(each, _)| *each == name).expect("the parameter").1.to_owned()
    }

    #[test]
    fn an_rsa_key_signs_what_another_implementation_signs() {
        // PKCS #1 v1.5 has one signature for a text and a key:
        // printf %s '{"Statement":…}' | openssl dgst -sha256 -sign signer.pem | openssl base64 -A | tr '+=/' '-_~'
        let signed = |pem: &str| Signer::new(pem.as_bytes(), "K2JCJMDEHXQW5F").unwrap().url(URL, EXPIRES_AT).unwrap();
        let url = signed(include_str!("../tests/fixtures/signer_pkcs8.pem"));
        assert_eq!(url, include_str!("../tests/fixtures/signed_url.txt").trim_end());
        assert_eq!(signed(include_str!("../tests/fixtures/signer_pkcs1.pem")), url, "both forms of a key are one key");
    }

    #[test]
    fn an_ecdsa_key_signs_what_its_public_key_accepts() {
        let random = SystemRandom::new();
        let algorithm = &signature::ECDSA_P256_SHA256_ASN1_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
        let text = STANDARD.encode(document.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
        let signer = Signer::new(pem.as_bytes(), "K1").unwrap();
        let public = UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_ASN1, pair.public_key().as_ref());

        let signed = signer.url(URL, EXPIRES_AT).unwrap();
        let canned = format!(
            r#"{{"Statement":[{{"Resource":"{URL}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{EXPIRES_AT}}}}}}}]}}"#
        );
        assert_eq!(
            (parameter(&signed, "Expires"), parameter(&signed, "Key-Pair-Id")),
            (EXPIRES_AT.to_string(), "K1".into())
        );
        public.verify(canned.as_bytes(), &decoded(&parameter(&signed, "Signature"))).expect("the signature is right");
        let other = canned.replace("a%20b", "b");
        public
            .verify(other.as_bytes(), &decoded(&parameter(&signed, "Signature")))
            .expect_err("it is for this URL only");

        let [policy, signature, id, hash] = signer.cookies("https://d.cloudfront.net/film.mp4/*", EXPIRES_AT).unwrap();
        let text = decoded(&policy.value);
        let read: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(read["Statement"][0]["Resource"], "https://d.cloudfront.net/film.mp4/*");
        public.verify(&text, &decoded(&signature.value)).expect("the signature is right");
        assert_eq!((id.value.as_str(), hash.value.as_str()), ("K1", "SHA256"));
    }

    #[test]
    fn what_is_not_a_key_is_refused_with_what_would_be_one() {
        let refused = |pem: &str| Signer::new(pem.as_bytes(), "K1").unwrap_err().to_string();
        assert!(refused("hello").contains("not a valid private key"));
        let public = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n";
        assert!(refused(public).contains("not a valid private key"));
        let sec1 = "-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----\n";
        assert!(refused(sec1).contains("openssl pkcs8 -topk8"), "{}", refused(sec1));
    }
}
