//! `pipeline url` signs with a key that Secrets Manager keeps, and what it signs is what the public half of that key accepts.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use e2e::Aws;
use serde_json::{Value, json};

#[tokio::test]
async fn cookies_are_signed_with_the_key_of_a_secret() {
    let aws = Aws::shared();
    let folder = tempfile::tempdir().expect("a folder is made");
    let keys = [
        ("rsa", ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"].as_slice()),
        ("ecdsa", &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
    ];
    for (name, arguments) in keys {
        let (private, public) = (folder.path().join("private.pem"), folder.path().join("public.pem"));
        openssl(arguments, &["-out", path(&private)]);
        openssl(&["pkey", "-pubout"], &["-in", path(&private), "-out", path(&public)]);
        let pem = fs_err::read_to_string(&private).expect("a key is read");
        let secret =
            json!({"Name": e2e::unique(name), "SecretString": pem, "ClientRequestToken": format!("{:032}", 1)});
        let secret = aws.call("secretsmanager", "secretsmanager.CreateSecret", &secret);
        let arn = secret["ARN"].as_str().expect("a secret has an ARN");

        let printed = url(aws, arn).expect("a folder is signed");
        let printed: Value = serde_json::from_str(&printed).expect("JSON");
        assert_eq!(printed["url"], "https://d1.cloudfront.net/film.mp4/transcode/");
        let cookies: Vec<&str> =
            printed["cookies"].as_array().expect("cookies").iter().filter_map(Value::as_str).collect();
        let cookie = |name: &str| -> Vec<u8> {
            let value = cookies
                .iter()
                .find_map(|cookie| cookie.strip_prefix(&format!("CloudFront-{name}=")))
                .expect("a cookie");
            let text = value.split(';').next().unwrap_or_default();
            STANDARD.decode(text.replace('-', "+").replace('_', "=").replace('~', "/")).expect("base64")
        };
        let policy = cookie("Policy");
        let policy_text: Value = serde_json::from_slice(&policy).expect("a policy is JSON");
        assert_eq!(policy_text["Statement"][0]["Resource"], "https://d1.cloudfront.net/film.mp4/transcode/*");
        let (policy_file, signature_file) = (folder.path().join("policy"), folder.path().join("signature"));
        fs_err::write(&policy_file, &policy).expect("a file is written");
        fs_err::write(&signature_file, cookie("Signature")).expect("a file is written");
        openssl(
            &["dgst", "-sha256", "-verify", path(&public)],
            &["-signature", path(&signature_file), path(&policy_file)],
        );
    }

    let missing = "arn:aws:secretsmanager:us-east-1:123456789012:secret:none-AbCdEf";
    let told = url(aws, missing).expect_err("there is no such secret");
    assert!(told.contains(missing) && told.contains("not found"), "{told}");
}

/// What `pipeline url` prints for a folder of results, or why it fails.
fn url(aws: &Aws, key: &str) -> Result<String, String> {
    let output = e2e::command("pipeline")
        .envs(aws.environment())
        .envs([("S3_OUTPUT", "out"), ("CLOUDFRONT_DOMAIN", "d1.cloudfront.net"), ("CLOUDFRONT_KEY_ID", "K1")])
        .env("CLOUDFRONT_SIGNING_KEY", key)
        .args(["url", "s3://out/film.mp4/transcode/", "--output-format", "json"])
        .output()
        .expect("pipeline starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

fn openssl(arguments: &[&str], more: &[&str]) {
    let output = Command::new("openssl").args(arguments).args(more).output().expect("openssl is installed");
    assert!(output.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path of letters")
}
